"""Plain Python values as DynamoDB's typed attributes ("AttributeValue" in its API reference)."""

from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from types import NoneType
from typing import Any, cast

from pydantic import BaseModel

from eventkit.errors import AuthorError

__all__ = ["base64_text", "typed_image"]

Types = type | tuple[type, ...]


def typed_image(item: Mapping[str, object] | BaseModel) -> dict[str, object]:
    """An item, or its keys, with every value typed. Raises `AuthorError` for a value that DynamoDB cannot hold."""
    values = item.model_dump() if isinstance(item, BaseModel) else item
    return {name: _typed(value) for name, value in values.items()}


def base64_text(value: bytes) -> str:
    """Bytes as AWS writes them in JSON."""
    return b64encode(value).decode("ascii")


def _typed(value: object) -> dict[str, object]:
    for types, kind, write in _KINDS:
        if isinstance(value, types):
            return {kind: write(value)}
    if isinstance(value, set | frozenset):
        return _typed_set(cast("Iterable[object]", value))
    raise AuthorError(f"DynamoDB holds no {type(value).__name__}; of numbers it holds int and Decimal")


def _typed_set(members: Iterable[object]) -> dict[str, object]:
    known = list(members)
    for types, kind, write in _SETS:
        if known and all(isinstance(member, types) for member in known):
            return {kind: sorted(write(member) for member in known)}
    raise AuthorError("a set of DynamoDB holds texts, bytes or numbers, all of one kind, and is never empty")


_KINDS: tuple[tuple[Types, str, Callable[[Any], object]], ...] = (
    (NoneType, "NULL", lambda _: True),
    (bool, "BOOL", bool),  # before int, which it is too
    (str, "S", str),
    ((int, Decimal), "N", str),
    (bytes, "B", base64_text),
    ((list, tuple), "L", lambda members: [_typed(member) for member in members]),
    (Mapping, "M", typed_image),
)
_SETS: tuple[tuple[Types, str, Callable[[Any], str]], ...] = (
    (str, "SS", str),
    (bytes, "BS", base64_text),
    ((int, Decimal), "NS", str),
)
