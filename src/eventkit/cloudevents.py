"""CloudEvents 1.0 on queues and topics, structured and binary ("CloudEvents - Version 1.0.2", "JSON Event Format").

::

    orders = Queue[OrderPlaced | OrderPaid]("orders", types=CloudEvents(source="/shop"))
    audit = Queue[CloudEvent[OrderPlaced]]("audit", types=CloudEvents())   # for handlers that want the context too

SQS and SNS have no binding of their own. As in the binding of Kafka, a binary message has its context in attributes
that begin with `ce_`, and `content-type` says what its data is; `ce-`, as in that of HTTP, is read as well. A message
is structured where its `content-type` says so, or where it has no such attributes.

The version of a type is the end of its name, as the CloudEvents primer suggests: `shop.order.placed` is version 1 and
`shop.order.placed.v2` is version 2.
"""

import re
from base64 import b64decode
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Generic, Literal, NamedTuple, TypeVar, cast
from uuid import uuid4

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from pydantic_core import from_json, to_json

from eventkit._json import is_object
from eventkit.discriminators import Carrier, Discriminator, Label, Version, peeking
from eventkit.errors import AuthorError, DecodeError, RouteError
from eventkit.events import AttributeValue
from eventkit.outgoing import Attribute, Outgoing
from eventkit.validation import Reader, members_of, name_of

__all__ = ["CloudEvent", "CloudEvents"]

M = TypeVar("M")

Extension = str | int | bool | None
Filled = Annotated[str, Field(min_length=1)]

STRUCTURED = "application/cloudevents+json; charset=UTF-8"
PREFIXES = ("ce_", "ce-")
"""Of the attributes of a binary message; the first one is written."""

_VERSIONED = re.compile(r"(.+)\.v([1-9][0-9]{0,5})")
_JSON_TYPE = re.compile(r"[^/;\s]+/(?:[^/;\s]+\+)?json\s*(?:;.*)?", re.IGNORECASE)
"""A `datacontenttype` of JSON ("JSON Event Format", section 3.1.1)."""


class CloudEvent(BaseModel, Generic[M]):
    """An event in its context. Extensions are attributes of it too, and stand in `extensions`."""

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="allow")
    __pydantic_extra__: dict[str, Extension] = Field(init=False)  # pyright: ignore[reportIncompatibleVariableOverride] - as pydantic wants it

    specversion: Literal["1.0"] = "1.0"
    id: Filled
    source: Filled
    type: Filled
    datacontenttype: Filled | None = None
    dataschema: Filled | None = None
    subject: Filled | None = None
    time: AwareDatetime | None = None
    data: M

    @property
    def extensions(self) -> Mapping[str, str | int | bool]:
        """The further attributes of the context."""
        return {name: value for name, value in self.__pydantic_extra__.items() if value is not None}


def _new_id() -> str:
    """An id that no other event has."""
    return str(uuid4())


def _now() -> datetime:
    """The time of day."""
    return datetime.now(UTC)


class CloudEvents(Discriminator):
    """Messages are CloudEvents. Both modes are read, and `mode` is written.

    `source` says where events come from, a URI reference; it is needed where messages are sent that are no
    `CloudEvent` yet. These get an id from `new_id` and a time from `now`.
    """

    source: str | None = None
    mode: Literal["structured", "binary"] = "structured"
    new_id: Callable[[], str] = _new_id
    now: Callable[[], datetime] = _now

    def __post_init__(self) -> None:
        if self.mode not in {"structured", "binary"}:
            raise RouteError(f"CloudEvents(mode={self.mode!r}): it must be 'structured' or 'binary'")
        if self.source == "":
            raise RouteError("CloudEvents(source=''): it must be a URI reference, as '/shop' is")

    @property
    def has_versions(self) -> bool:
        return True

    def members(self, member: object) -> tuple[object, ...]:
        return members_of(_data_of(member))

    def names_of(self, model: type) -> tuple[str, ...]:
        return tuple(_split(name)[0] for name in super().names_of(model))

    def version_of(self, model: type) -> int:
        versions = [_split(name)[1] for name in super().names_of(model) if _VERSIONED.fullmatch(name)]
        return versions[0] if versions else super().version_of(model)

    def labels(self) -> Callable[[Carrier], Label]:
        peek = peeking("specversion", "type")

        def label(event: Carrier) -> Label:
            attributes = event.attributes
            prefix = _prefix(attributes)
            said = peek(event.text) if prefix is None else {"type": attributes.get(f"{prefix}type"), "specversion": ""}
            name = None if said is None or "specversion" not in said else said.get("type")
            if not isinstance(name, str):
                raise DecodeError(
                    "the message is no CloudEvent: it has neither the attributes 'ce_specversion' and 'ce_type' nor a "
                    "JSON object with 'specversion' and 'type'"
                )
            return Label(*_split(name))

        return label

    def reading(self, version: Version, *, strict: bool) -> Callable[[Carrier], object]:
        readers = _Readers.of(version, strict=strict)
        bare = version.member is version.current

        def read(event: Carrier) -> object:
            sent = readers.event(event)
            value = version.lifted(sent.data)
            if bare:
                return value
            return readers.current({**_members(sent), "data": value}) if version.steps else sent

        return read

    def data(self, message: object) -> object:
        return cast("CloudEvent[object]", message).data if isinstance(message, CloudEvent) else message

    def encode(self, version: Version, message: object, text: str) -> Outgoing:
        context = self._context(version, message)
        if self.mode == "structured":
            envelope = to_json(context).decode()
            return Outgoing(f'{envelope[:-1]},"data":{text}}}', attributes={"content-type": STRUCTURED})
        content_type = context.pop("datacontenttype")
        attributes = {f"{PREFIXES[0]}{name}": _written(value) for name, value in context.items()}
        return Outgoing(text, attributes={**attributes, "content-type": _written(content_type)})

    def _context(self, version: Version, message: object) -> dict[str, object]:
        """The context attributes of a message, as JSON values."""
        called = _called(version)
        if not isinstance(message, CloudEvent):
            return self._made(called)
        given = cast("CloudEvent[object]", message)
        context = given.model_dump(mode="json", exclude={"data"}, exclude_none=True)
        if _split(given.type) != _split(called):
            raise AuthorError(f"a CloudEvent of {name_of(version.current)} must have type={called!r}")
        if not _is_json(given.datacontenttype):
            raise AuthorError("the data of a CloudEvent is sent as JSON: its datacontenttype must say so, or nothing")
        return {"datacontenttype": "application/json", **context}

    def _made(self, called: str) -> dict[str, object]:
        if self.source is None:
            raise AuthorError("a CloudEvent cannot be sent without its source: write types=CloudEvents(source=…)")
        return {
            "specversion": "1.0",
            "id": self.new_id(),
            "source": self.source,
            "type": called,
            "time": self.now().isoformat(),
            "datacontenttype": "application/json",
        }

    def __str__(self) -> str:
        return "CloudEvents type"


class Text(NamedTuple):
    """A text that was found inside a message."""

    text: str


class _Readers(NamedTuple):
    """What reads the CloudEvents of one version: whole, their data alone, and around data that was read already."""

    structured: Callable[[Carrier], CloudEvent[Any]]
    data: Callable[[Any], object]
    around: Callable[[Mapping[str, object]], CloudEvent[Any]]
    current: Callable[[Mapping[str, object]], CloudEvent[Any]]

    @classmethod
    def of(cls, version: Version, *, strict: bool) -> "_Readers":
        """Raises `RouteError` when pydantic cannot make a schema of the model."""
        generic: Any = CloudEvent
        whole, current = Reader(generic[version.model], strict=strict), Reader(generic[version.current])
        data = Reader(version.model, strict=strict).text_reader()
        return cls(whole.text_reader(), data, whole.value_reader("message"), current.value_reader("message"))

    def event(self, carrier: Carrier) -> CloudEvent[Any]:
        """The CloudEvent as it was sent. Raises `DecodeError`."""
        attributes = carrier.attributes
        prefix = _prefix(attributes)
        if prefix is not None:
            return self._binary(carrier, attributes, prefix)
        members = _with_base64(carrier.text)
        if members is not None:
            return self._from_base64(members)
        event = self.structured(carrier)
        _require_json(event.datacontenttype)
        return event

    def _binary(self, carrier: Carrier, attributes: Mapping[str, AttributeValue], prefix: str) -> CloudEvent[Any]:
        context = {name[len(prefix) :]: _said(value) for name, value in attributes.items() if name.startswith(prefix)}
        content_type = attributes.get("content-type")
        _require_json(content_type)
        return self.around({**context, "datacontenttype": content_type, "data": self.data(carrier)})

    def _from_base64(self, members: dict[str, Any]) -> CloudEvent[Any]:
        _require_json(members.get("datacontenttype"))
        try:
            text = b64decode(members.pop("data_base64"), validate=True).decode()
        except (ValueError, TypeError):
            raise DecodeError("the CloudEvent's data_base64 is no text in base64") from None
        if "data" in members:
            raise DecodeError("the CloudEvent has both data and data_base64")
        return self.around({**members, "data": self.data(Text(text))})


def _data_of(member: object) -> object:
    """`M` of `CloudEvent[M]`; anything else as it is."""
    generic: Mapping[str, Any] = getattr(member, "__pydantic_generic_metadata__", {})
    return generic["args"][0] if generic.get("origin") is CloudEvent else member


def _members(event: CloudEvent[Any]) -> dict[str, object]:
    fields = {name: getattr(event, name) for name in CloudEvent.model_fields}
    return {**fields, **event.__pydantic_extra__}


def _prefix(attributes: Mapping[str, AttributeValue]) -> str | None:
    """What the attributes of a binary message begin with; None where it is structured."""
    content_type = attributes.get("content-type")
    if isinstance(content_type, str) and content_type.lower().startswith("application/cloudevents"):
        return None
    return next((prefix for prefix in PREFIXES if f"{prefix}specversion" in attributes), None)


def _split(name: str) -> tuple[str, int]:
    """The name of a type, and its version."""
    versioned = _VERSIONED.fullmatch(name)
    return (versioned[1], int(versioned[2])) if versioned else (name, 1)


def _with_base64(text: str) -> dict[str, Any] | None:
    """The members of an envelope whose data is in base64; None for any other text."""
    try:
        members: object = from_json(text, allow_inf_nan=False) if '"data_base64"' in text else None
    except ValueError:
        return None
    return members if is_object(members) and members.get("data_base64") is not None else None


def _called(version: Version) -> str:
    """The type as it is written: as it was declared, or with its version at its end."""
    declared = getattr(version.model, "event_type", version.names[0])
    if version.number == 1 or _VERSIONED.fullmatch(declared):
        return str(declared)
    return f"{declared}.v{version.number}"


def _is_json(content_type: object) -> bool:
    return content_type is None or (isinstance(content_type, str) and _JSON_TYPE.fullmatch(content_type) is not None)


def _require_json(content_type: object) -> None:
    if not _is_json(content_type):
        raise DecodeError("the CloudEvent's data is not JSON, says its content type")


def _said(value: AttributeValue) -> object:
    return str(value) if isinstance(value, Decimal) else value


def _written(value: object) -> Attribute:
    """A context attribute as text ("CloudEvents", "Type System")."""
    return str(value).lower() if isinstance(value, bool) else str(value)
