"""How a message says what it is: the type of event, and the version of it.

::

    class OrderPlaced(BaseModel):
        event_type: ClassVar[str] = "shop.order.placed"  # by default the name of the class
        event_version: ClassVar[int] = 2                 # by default 1
        total: int

    orders = Queue[OrderPlaced | OrderPaid]("orders", types=ByAttribute("type", version="version"))

What stands beside a message (`ByAttribute`, `CloudEvents`) is declared beside the model's fields, in class variables,
so that models need know nothing of eventkit. What stands in a message (`ByField`) is one of the model's own fields,
with a `Literal` as its type.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple, Protocol

from pydantic_core import SchemaValidator, core_schema

from eventkit.errors import DecodeError, RouteError
from eventkit.events import AttributeValue
from eventkit.outgoing import Attribute, Outgoing
from eventkit.validation import Reader, name_of
from eventkit.values import Value

__all__ = ["ByAttribute", "ByField", "Carrier", "Discriminator", "Label", "Upcaster", "Version"]

LONGEST_VERSION = 6
"""Digits of a version that are believed."""

Upcaster = Callable[[Any], object]
"""Turns a message of one version into one of the next: both are named by the function's annotations."""


class Carrier(Protocol):
    """What a message comes in: an SQS message or an SNS notification."""

    @property
    def text(self) -> str:
        """What its sender wrote."""
        ...

    @property
    def attributes(self) -> Mapping[str, AttributeValue]:
        """The message attributes."""
        ...


class Label(NamedTuple):
    """What a message says it is; `name` is None where it does not say so."""

    name: str | None
    version: int


class Version(Value):
    """One version of one type of event.

    Attributes:
        names: What it is called; the first is what it is called when it is written.
        number: Which version it is, from 1.
        model: What its messages are read as.
        current: The model that `steps` make of it; `model` itself where there are none.
        member: That of the resource's types by which a handler gets it: `current`, or what is made of it.
        steps: What lifts it, version by version.
    """

    names: tuple[str, ...]
    number: int
    model: type
    current: type
    member: object
    steps: tuple[Upcaster, ...] = ()

    def lifted(self, value: object) -> object:
        """A value of this version as one of the current version."""
        for step in self.steps:
            value = step(value)
        return value


class Discriminator(Value):
    """How the messages of one resource say what they are."""

    @property
    def has_versions(self) -> bool:
        """Whether messages say their version too."""
        raise NotImplementedError

    def members(self, member: object) -> tuple[object, ...]:
        """The models of the messages of one of the resource's types."""
        return (member,)

    def names_of(self, model: type) -> tuple[str, ...]:
        """What the model declares that its messages are called; empty where it declares nothing."""
        name: object = getattr(model, "event_type", None)
        if name is not None and not (isinstance(name, str) and name):
            raise RouteError(f"{name_of(model)}.event_type is {name!r}: it must be a text that is not empty")
        return () if name is None else (name,)

    def version_of(self, model: type) -> int:
        """Which version of its type the model is."""
        version: object = getattr(model, "event_version", 1)
        if not self.has_versions:
            return 1
        if type(version) is not int or version < 1:
            raise RouteError(f"{name_of(model)}.event_version is {version!r}: it must be a whole number from 1")
        return version

    def labels(self) -> Callable[[Carrier], Label]:
        """A function that finds what a message says it is. It raises `DecodeError`."""
        raise NotImplementedError

    def reading(self, version: Version, *, strict: bool) -> Callable[[Carrier], object]:
        """A function that gives the value of a message of this version. It raises `DecodeError`."""
        read = Reader(version.model, strict=strict).text_reader()
        return (lambda event: version.lifted(read(event))) if version.steps else read

    def data(self, message: object) -> object:
        """The value of a message, out of what is written around it."""
        return message

    def encode(self, version: Version, _message: object, text: str) -> Outgoing:
        """The message as it is sent; `text` is its value as JSON. Raises `AuthorError`."""
        return Outgoing(text, attributes=self.attributes(version))

    def attributes(self, version: Version) -> Mapping[str, Attribute]:
        """The message attributes that say what a message is."""
        raise NotImplementedError


class ByAttribute(Discriminator):
    """Messages say what they are in message attributes: the name of their type, and perhaps its version.

    `version` is the attribute of the version, and None where versions are not told. A message without it is of
    version 1.
    """

    name: str = "type"
    version: str | None = None

    @property
    def has_versions(self) -> bool:
        return self.version is not None

    def labels(self) -> Callable[[Carrier], Label]:
        name, version = self.name, self.version

        def label(event: Carrier) -> Label:
            attributes = event.attributes
            said = attributes.get(name)
            number = 1 if version is None else version_in(attributes.get(version), f"attribute {version!r}")
            return Label(said if isinstance(said, str) else None, number)

        return label

    def attributes(self, version: Version) -> Mapping[str, Attribute]:
        named: dict[str, Attribute] = {self.name: version.names[0]}
        return named if self.version is None else {**named, self.version: str(version.number)}

    def __str__(self) -> str:
        return f"attribute {self.name!r}"


class ByField(Discriminator):
    """Messages say what they are in fields of their own: JSON objects, whose models declare the fields as `Literal`.

    `version` is the field of the version, and None where versions are not told. A message without it is of version 1.
    """

    name: str = "type"
    version: str | None = None

    @property
    def has_versions(self) -> bool:
        return self.version is not None

    def names_of(self, model: type) -> tuple[str, ...]:
        said = Reader(model).constants(self.name)
        names = tuple(one for one in said if isinstance(one, str))
        if not names:
            raise RouteError(
                f"{name_of(model)} does not say its type in a field {self.name!r}: "
                f'write  {self.name}: Literal["{name_of(model)}"] = "{name_of(model)}"'
            )
        return names

    def version_of(self, model: type) -> int:
        said = () if self.version is None else Reader(model).constants(self.version)
        match said:
            case ():
                return 1
            case (int() as version,) if not isinstance(version, bool) and version >= 1:
                return version
            case _:
                raise RouteError(f"{name_of(model)}.{self.version} must be one whole number from 1: Literal[2] = 2")

    def labels(self) -> Callable[[Carrier], Label]:
        name, version = self.name, self.version
        peek = peeking(*(name, version) if version else (name,))

        def label(event: Carrier) -> Label:
            fields = peek(event.text)
            if fields is None:
                raise DecodeError(f"the message is no JSON object, so it does not say its type in the {self}")
            said = fields.get(name)
            number = 1 if version is None else version_in(fields.get(version), f"field {version!r}")
            return Label(said if isinstance(said, str) else None, number)

        return label

    def attributes(self, version: Version) -> Mapping[str, Attribute]:  # noqa: ARG002 - the message itself says it
        return {}

    def __str__(self) -> str:
        return f"field {self.name!r}"


def peeking(*names: str) -> Callable[[str], dict[str, Any] | None]:
    """A function that reads these fields of a JSON object, and no others; None where a text is no JSON object."""
    field = core_schema.typed_dict_field(core_schema.any_schema(), required=False)
    validator = SchemaValidator(core_schema.typed_dict_schema(dict.fromkeys(names, field)))

    def peek(text: str) -> dict[str, Any] | None:
        try:
            return validator.validate_json(text)  # type: ignore[no-any-return]
        except ValueError:
            return None

    return peek


def version_in(said: object, where: str) -> int:
    """The version that an attribute or a field says; 1 where there is none. Raises `DecodeError`."""
    if said is None:
        return 1
    text = str(said) if isinstance(said, str | int | Decimal) and not isinstance(said, bool) else ""
    if not (text.isascii() and text.isdigit() and len(text) <= LONGEST_VERSION and int(text)):
        raise DecodeError(f"the {where} of the message holds no version: a whole number from 1")
    return int(text)
