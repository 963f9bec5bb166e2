"""The user's models: JSON text and DynamoDB items in, values out, by pydantic.

JSON is taken strictly, because pydantic's lax mode turns "1_000", true and 12.0 into integers; NaN and Infinity,
which are not JSON, are refused. A DynamoDB item is already typed, so pydantic converts it laxly: a date is stored
as text, a float as a decimal number.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from types import UnionType
from typing import Annotated, Any, Protocol, Union, cast, get_args, get_origin

from pydantic import PydanticSchemaGenerationError, PydanticUserError, TypeAdapter, ValidationError
from pydantic_core import from_json

from eventkit.errors import RouteError, ValidationFailed
from eventkit.events import Item

__all__ = ["Reader"]

SHOWN_FAULTS = 5
"""Faults that one error text names; the rest are counted."""

OWN_WORDS = frozenset({"value_error", "assertion_error", "extra_forbidden"})
"""pydantic's faults whose message may repeat the input: it comes from the user's validator, or names an input's key."""


class HasText(Protocol):
    """A message or a notification."""

    @property
    def text(self) -> str:
        """What its sender wrote."""
        ...


class Reader:
    """Reads values of one type. `strict` False lets pydantic convert JSON laxly."""

    def __init__(self, model: object, *, strict: bool = True) -> None:
        """Compile the type. Raises `RouteError` when pydantic cannot make a schema of it."""
        self.model = model
        self.strict = strict
        try:
            self.adapter: TypeAdapter[Any] = TypeAdapter(cast("Any", model))
        except (PydanticSchemaGenerationError, PydanticUserError) as error:
            raise RouteError(f"{name_of(model)} cannot be read by pydantic: {error}") from error

    def text_reader(self) -> Callable[[HasText], Any]:
        """A function that gives the value of an event's JSON text, or the text itself where the model is `str`.

        It raises `ValidationFailed`.
        """
        if self.model is str:
            return lambda event: event.text
        validate, strict = self.adapter.validator.validate_json, self.strict

        def read(event: HasText) -> object:
            text = event.text
            try:
                if "NaN" in text or "Infinity" in text:
                    from_json(text, allow_inf_nan=False)
                return validate(text, strict=strict)
            except ValueError as error:
                raise self._failure("message", error) from None

        return read

    def item_reader(self) -> Callable[[Item], Any]:
        """A function that gives the value of a DynamoDB item; it raises `ValidationFailed`."""
        return self.value_reader("item")

    def value_reader(self, what: str) -> Callable[[Mapping[str, object]], Any]:
        """A function that gives the value of Python values, which `what` is called in texts.

        It converts laxly, and raises `ValidationFailed`.
        """
        validate = self.adapter.validator.validate_python

        def read(values: Mapping[str, object]) -> object:
            try:
                return validate(values)
            except ValueError as error:
                raise self._failure(what, error) from None

        return read

    def constants(self, field: str) -> tuple[object, ...]:
        """The values of which a field of the model's JSON always holds one; empty where it may hold others."""
        schema = self._schema
        name = str(schema.get("$ref", "")).rpartition("/")[2]
        described = schema.get("$defs", {}).get(name, schema).get("properties", {}).get(field, {})
        return (described["const"],) if "const" in described else tuple(described.get("enum", ()))

    def to_text(self, value: object) -> str:
        """The value as JSON text; the text itself where the model is `str`."""
        return str(value) if self.model is str else self.adapter.dump_json(value, by_alias=True).decode()

    def _failure(self, what: str, error: ValueError) -> ValidationFailed:
        faults = list(self._faults(error)) if isinstance(error, ValidationError) else ["it is not valid JSON"]
        more = f"; and {len(faults) - SHOWN_FAULTS} more" if len(faults) > SHOWN_FAULTS else ""
        listed = "; ".join(faults[:SHOWN_FAULTS]) + more
        return ValidationFailed(f"the {what} does not fit {name_of(self.model)}: {listed}")

    def _faults(self, error: ValidationError) -> Iterator[str]:
        """Where and why, without any of the input: keys of dicts are input too, so only declared names are shown."""
        for fault in error.errors(include_input=False, include_url=False, include_context=False):
            where = ".".join(str(step) if self._declared(step) else "…" for step in fault["loc"])
            if fault["type"] == "json_invalid":
                yield "it is not valid JSON"
                continue
            why = fault["type"].replace("_", " ") if fault["type"] in OWN_WORDS else fault["msg"]
            yield f"{where}: {why}" if where else why

    def _declared(self, step: str | int) -> bool:
        return isinstance(step, int) or step in self._names

    @cached_property
    def _names(self) -> frozenset[str]:
        return frozenset(_properties(self._schema))

    @cached_property
    def _schema(self) -> dict[str, Any]:
        """The model's JSON schema; empty where it has none."""
        try:
            return self.adapter.json_schema()
        except (PydanticUserError, ValueError):
            return {}


def _properties(schema: object) -> Iterator[str]:
    if isinstance(schema, dict):
        known = cast("dict[str, object]", schema)
        properties = known.get("properties")
        yield from cast("dict[str, object]", properties) if isinstance(properties, dict) else ()
        for part in known.values():
            yield from _properties(part)
    elif isinstance(schema, list):
        for part in cast("list[object]", schema):
            yield from _properties(part)


def name_of(kind: object) -> str:
    """A type as people write it: `Job`, `Created | Edited`, `Inserted[Subscriber]`."""
    arguments = get_args(kind)
    if not arguments:
        return getattr(kind, "__name__", None) or str(kind)
    if get_origin(kind) in {Union, UnionType}:
        return " | ".join(map(name_of, arguments))
    return f"{name_of(get_origin(kind))}[{', '.join(map(name_of, arguments))}]"


def members_of(kind: object) -> tuple[object, ...]:
    """The members of a union, annotations and aliases apart; the type itself where it is none."""
    if get_origin(kind) is Annotated:
        return members_of(get_args(kind)[0])
    if type(kind).__name__ == "TypeAliasType":  # a `type X = …` alias, of Python 3.12 or typing_extensions
        return members_of(cast("Any", kind).__value__)
    if get_origin(kind) in {Union, UnionType}:
        return tuple(member for part in get_args(kind) for member in members_of(part))
    return (kind,)
