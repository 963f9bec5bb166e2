"""Changes of items in a DynamoDB table, as its stream reports them.

Images hold typed attributes ("AttributeValue" in the DynamoDB Streams API reference). They become plain Python
values: text, `int` or `Decimal` (38 digits, never rounded), bytes, bool, None, lists, dicts and sets.
"""

import re
from binascii import Error as Base64Error
from binascii import a2b_base64
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, ClassVar, Generic, TypeVar

from eventkit._json import is_list, is_object
from eventkit.errors import AbsentImageError, DecodeError
from eventkit.events._base import AwsEvent

__all__ = ["Change", "Inserted", "Item", "Modified", "Removed", "StreamView", "attribute", "change_event", "image"]

Item = dict[str, Any]
"""An item, or its keys, as plain Python values."""

M_co = TypeVar("M_co", covariant=True)
N = TypeVar("N")

MAX_DEPTH = 64
"""How deep an attribute may nest; DynamoDB itself allows 32 levels ("Quotas in Amazon DynamoDB")."""

MAX_DIGITS = 38
"""Significant digits of a DynamoDB number ("Data types": numbers)."""

MAX_EXPONENT = 130
"""The magnitudes of DynamoDB's numbers lie between 1E-130 and 9.9...E+125."""

_NUMERAL = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
"""A decimal number as DynamoDB writes it; Python's `Decimal` takes more: spaces, underscores, NaN."""


class StreamView(StrEnum):
    """What a table's stream carries of each changed item (`StreamViewType`)."""

    KEYS_ONLY = "KEYS_ONLY"
    NEW_IMAGE = "NEW_IMAGE"
    OLD_IMAGE = "OLD_IMAGE"
    NEW_AND_OLD_IMAGES = "NEW_AND_OLD_IMAGES"


class Change(AwsEvent, Generic[M_co]):
    """An item of a table was inserted, modified or removed; the images are `M`s, or plain items after `decode`."""

    __slots__ = ("_change", "_new", "_old")
    service: ClassVar[str] = "dynamodb"

    def __init__(self, record: Mapping[str, object], via: AwsEvent | None = None) -> None:
        """A view of one stream record. Raises `DecodeError` when the record has no keys."""
        raw: Any = record
        change = raw.get("dynamodb")
        if not is_object(change) or not is_object(change.get("Keys")):
            raise DecodeError("a DynamoDB stream record lacks its keys")
        self._raw = raw
        self._via = via
        self._change: Any = change
        self._new: Any = None
        self._old: Any = None

    def typed(self, read: Callable[[Item], N]) -> "Change[N]":
        """The same change, each image that it carries read by `read`, whose errors pass."""
        kind: Any = type(self)
        change: Change[N] = kind.__new__(kind)
        change._raw, change._via, change._change = self._raw, self._via, self._change
        change._new = change._old = None
        new, old = self._change.get("NewImage"), self._change.get("OldImage")
        if is_object(new):
            change._new = read(image(new))
        if is_object(old):
            change._old = read(image(old))
        return change

    @property
    def id(self) -> str:
        return str(self._raw.get("eventID", ""))

    @property
    def source_arn(self) -> str:
        return str(self._raw.get("eventSourceARN", ""))

    @property
    def keys(self) -> Item:
        """The primary key's attributes. Raises `DecodeError` when they are not valid attributes."""
        return image(self._change["Keys"])

    @property
    def view(self) -> StreamView | None:
        """What the stream carries; None where the record does not say, or says something unknown."""
        try:
            return StreamView(self._change.get("StreamViewType", ""))
        except ValueError:
            return None

    @property
    def sequence_number(self) -> str:
        """The record's place in its shard: a decimal text to be compared as a number."""
        return str(self._change.get("SequenceNumber", ""))

    @property
    def time(self) -> datetime | None:
        """When the change was made, to about a second."""
        seconds = self._change.get("ApproximateCreationDateTime")
        try:
            return datetime.fromtimestamp(seconds, UTC) if isinstance(seconds, int | float) else None
        except (ValueError, OverflowError, OSError):
            return None

    def raw_image(self, name: str) -> Mapping[str, object] | None:
        """The image `NewImage` or `OldImage` in DynamoDB's own typed form, or None where it is absent."""
        found = self._change.get(name)
        return found if is_object(found) else None

    def _image(self, name: str) -> Any:  # noqa: ANN401 - an item until it is typed
        found = self.raw_image(name)
        if found is None:
            raise AbsentImageError(
                f"this {type(self).__name__} of table {self.resource_name!r} has no {name}: the stream's view is "
                f"{self.view or 'unknown'}; choose a view that carries it, or ask with hasattr()"
            )
        return image(found)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(table={self.resource_name!r}, id={self.id!r})"


class Inserted(Change[M_co]):
    """An item was inserted; `new` is the item."""

    __slots__ = ()

    @property
    def new(self) -> M_co:
        """The item as inserted. Raises `AbsentImageError` where the stream's view has no new image."""
        return self._new if self._new is not None else self._image("NewImage")  # type: ignore[no-any-return]


class Modified(Change[M_co]):
    """An item was modified; `old` and `new` are the item before and after."""

    __slots__ = ()

    @property
    def new(self) -> M_co:
        """The item after the change. Raises `AbsentImageError` where the stream's view has no new image."""
        return self._new if self._new is not None else self._image("NewImage")  # type: ignore[no-any-return]

    @property
    def old(self) -> M_co:
        """The item before the change. Raises `AbsentImageError` where the stream's view has no old image."""
        return self._old if self._old is not None else self._image("OldImage")  # type: ignore[no-any-return]


class Removed(Change[M_co]):
    """An item was removed; `old` is the item as it was."""

    __slots__ = ()

    @property
    def old(self) -> M_co:
        """The item before it was removed. Raises `AbsentImageError` where the stream's view has no old image."""
        return self._old if self._old is not None else self._image("OldImage")  # type: ignore[no-any-return]

    @property
    def expired(self) -> bool:
        """Whether time to live removed it, not a caller ("DynamoDB Streams and Time to Live")."""
        identity = self._raw.get("userIdentity")
        if not is_object(identity):
            return False
        return identity.get("type") == "Service" and identity.get("principalId") == "dynamodb.amazonaws.com"


_KINDS: Mapping[str, type[Change[Item]]] = {"INSERT": Inserted, "MODIFY": Modified, "REMOVE": Removed}


def change_event(record: Mapping[str, object], via: AwsEvent | None = None) -> Change[Item]:
    """The typed event of one stream record. Raises `DecodeError` when the record is not one."""
    name = record.get("eventName")
    kind = _KINDS.get(name) if type(name) is str else None
    if kind is None:
        raise DecodeError("a DynamoDB stream record's event name is none of INSERT, MODIFY and REMOVE")
    return kind(record, via)


def image(raw: Mapping[str, Any], depth: int = 0) -> Item:
    """An image, or a map attribute, as plain values. Raises `DecodeError` where an attribute is not valid."""
    if depth > MAX_DEPTH:
        raise DecodeError(f"a DynamoDB attribute nests deeper than {MAX_DEPTH} levels")
    item: Item = {}
    for name, typed in raw.items():
        try:
            ((kind, value),) = typed.items()
            read = _READERS[kind]
        except (AttributeError, KeyError, ValueError):
            raise _unreadable(typed) from None
        # Most are texts, and need no call.
        item[name] = value if kind == "S" and type(value) is str else read(value, depth)
    return item


def attribute(raw: object, depth: int = 0) -> Any:  # noqa: ANN401 - the value of a user's attribute
    """One typed attribute, `{"S": "text"}` and the like, as a plain value. Raises `DecodeError`."""
    typed: Any = raw
    try:
        ((kind, value),) = typed.items()
        read = _READERS[kind]
    except (AttributeError, KeyError, ValueError):
        raise _unreadable(typed) from None
    return value if kind == "S" and type(value) is str else read(value, depth)


def _unreadable(typed: Any) -> DecodeError:  # noqa: ANN401 - whatever stands in the place of an attribute
    if not is_object(typed) or len(typed) != 1:
        return DecodeError("a DynamoDB attribute is not an object with exactly one type")
    (kind,) = typed
    known = f" {kind!r}" if type(kind) is str and len(kind) <= 4 else ""  # noqa: PLR2004 - AWS's names are short
    return DecodeError(f"a DynamoDB attribute has the unknown type{known}")


def _number(value: object, _depth: int = 0) -> int | Decimal:
    if type(value) is not str:
        raise DecodeError("an N attribute holds no text")
    if len(value) <= MAX_DIGITS and value.isascii():  # most numbers are short and plain, and need no second look
        digits = value.removeprefix("-")
        if digits.isdigit():
            return int(value)
        whole, _, fraction = digits.partition(".")
        if whole.isdigit() and fraction.isdigit():
            return Decimal(value)
    if not _NUMERAL.fullmatch(value):
        raise DecodeError("an N attribute holds no number")
    number = Decimal(value)
    if len(number.as_tuple().digits) > MAX_DIGITS or abs(number.adjusted()) > MAX_EXPONENT:
        raise DecodeError(f"an N attribute holds no finite number of at most {MAX_DIGITS} digits")
    return int(number) if number.as_tuple().exponent == 0 else number


def _binary(value: object, _depth: int) -> bytes:
    if type(value) is str:
        try:
            return a2b_base64(value, strict_mode=True)
        except (Base64Error, ValueError):
            pass
    raise DecodeError("a B attribute holds no base64 text")


def _boolean(value: object, _depth: int) -> bool:
    if type(value) is bool:
        return value
    raise DecodeError("a BOOL attribute holds neither true nor false")


def _no_text(_value: object, _depth: int) -> str:
    raise DecodeError("an S attribute holds no text")


def _text(value: object) -> str:
    if type(value) is str:
        return value
    raise DecodeError("an SS attribute holds something other than texts")


def _list(value: object, kind: str) -> list[Any]:
    if is_list(value):
        return value
    raise DecodeError(f"an attribute of type {kind} holds no list")


def _map(value: object, depth: int) -> Item:
    if is_object(value):
        return image(value, depth + 1)
    raise DecodeError("an M attribute holds no object")


def _members(value: object, depth: int) -> list[object]:
    if depth >= MAX_DEPTH:
        raise DecodeError(f"a DynamoDB attribute nests deeper than {MAX_DEPTH} levels")
    return [attribute(member, depth + 1) for member in _list(value, "L")]


_READERS: Mapping[object, Callable[[object, int], object]] = {
    "S": _no_text,
    "N": _number,
    "B": _binary,
    "BOOL": _boolean,
    "NULL": lambda _value, _depth: None,
    "M": _map,
    "L": _members,
    "SS": lambda value, _depth: {_text(member) for member in _list(value, "SS")},
    "NS": lambda value, _depth: {_number(member) for member in _list(value, "NS")},
    "BS": lambda value, depth: {_binary(member, depth) for member in _list(value, "BS")},
}
