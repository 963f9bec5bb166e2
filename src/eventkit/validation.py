"""The user's models: JSON text and DynamoDB items in, values out, by pydantic.

JSON is taken strictly, because pydantic's lax mode turns "1_000", true and 12.0 into integers; NaN and Infinity,
which are not JSON, are refused. A DynamoDB item is already typed, so pydantic converts it laxly: a date is stored
as text, a float as a decimal number.
"""

from collections.abc import Callable, Iterator
from functools import cached_property
from types import UnionType
from typing import Any, Protocol, Union, cast, get_args, get_origin

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
        validate = self.adapter.validator.validate_python

        def read(item: Item) -> object:
            try:
                return validate(item)
            except ValueError as error:
                raise self._failure("item", error) from None

        return read

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
        try:
            return frozenset(_properties(self.adapter.json_schema()))
        except (PydanticUserError, ValueError):
            return frozenset()


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
