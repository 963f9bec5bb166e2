"""Examples of what flows through resources, made from their types where nobody gives any."""

from collections.abc import Iterator, Mapping
from typing import Any, cast

from pydantic import ValidationError

from eventkit._logic import AllOf, Condition
from eventkit.buckets import Bucket
from eventkit.conditions import Test
from eventkit.errors import ConfigurationError
from eventkit.resources import Resource, Typed
from eventkit.sources import Selector

__all__ = ["Examples", "example_of"]

Examples = Mapping[Resource, object]
"""A message for each queue, topic and bus, a record for each stream, an item for each table, a key for each bucket."""

TEXTS = {
    "date": "2026-01-01",
    "date-time": "2026-01-01T00:00:00Z",
    "duration": "PT1H",
    "email": "ada@example.org",
    "time": "00:00:00",
    "uri": "https://example.org/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}
"""A text of each of JSON Schema's formats that pydantic writes."""


def example_of(selector: Selector, given: Examples) -> object:
    """A message, a record, an item, or an object's key, that the selector may take.

    Raises `ConfigurationError` where none can be made.
    """
    resource = selector.resource
    if resource in given:
        return given[resource]
    if isinstance(resource, Bucket):
        prefix, suffix = (next(_of_key(selector.condition, operator), "") for operator in ("prefix", "suffix"))
        return f"{prefix}example{suffix}"
    return _message(cast("Typed[Any]", resource))


def _message(resource: Typed[Any]) -> object:
    if resource.model is str:
        return "example"
    if resource.model is bytes:
        return b"example"
    adapter = resource.reader.adapter
    try:
        schema = adapter.json_schema()
        return adapter.validate_python(_value(schema, schema.get("$defs", {})))
    except (ValidationError, ValueError, KeyError) as error:
        raise ConfigurationError(
            f"no example can be made for {resource}: give one, examples={{{resource.name}: …}}"
        ) from error


def _of_key(condition: Condition | None, operator: str) -> Iterator[str]:
    match condition:
        case AllOf(conditions):
            for one in conditions:
                yield from _of_key(one, operator)
        case Test(field, known, operands) if field.subject == "key" and known == operator:
            yield from operands
        case _:
            pass


def _value(schema: Mapping[str, Any], defs: Mapping[str, Any]) -> Any:  # noqa: ANN401 - any JSON
    """The least value of a JSON Schema."""
    match schema:
        case {"default": value} | {"const": value} | {"enum": [value, *_]} | {"examples": [value, *_]}:
            return value
        case {"$ref": str() as name}:
            return _value(defs[name.rpartition("/")[2]], defs)
        case {"anyOf": [first, *_]} | {"oneOf": [first, *_]} | {"allOf": [first, *_]}:
            return _value(first, defs)
        case {"type": "object"}:
            return {name: _value(schema["properties"][name], defs) for name in schema.get("required", ())}
        case {"type": "array"}:
            return [_value(schema.get("items", {}), defs) for _ in range(schema.get("minItems", 0))]
        case _:
            return _scalar(schema)


def _scalar(schema: Mapping[str, Any]) -> str | float | None:
    least: float = schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1)
    text = TEXTS.get(schema.get("format", ""), "x" * max(1, schema.get("minLength", 1)))
    known: Mapping[str, str | float] = {"string": text, "integer": least, "number": least, "boolean": True}
    return known.get(schema.get("type", ""))
