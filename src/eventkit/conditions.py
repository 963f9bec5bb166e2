"""Conditions under which a source takes an event: values that can be evaluated, explained and compiled.

The operators are those of Amazon SNS's filter policies ("Amazon SNS subscription filter policies"), for message
attributes (`attribute`), for the images of a DynamoDB change (`new`, `old`), for an object's key (`key`) and for the
partition key of a Kinesis record (`partition_key`)::

    posts.where(attribute("type").equals("created", "edited") & attribute("price").at_least(100))
    todos.modified().where(new("status").becomes("active"))
"""

from decimal import Decimal
from ipaddress import ip_network
from typing import Any, Final, Literal, cast

from eventkit._json import is_object
from eventkit._logic import Check, Condition
from eventkit._operators import OPERATORS, Operator, same
from eventkit.errors import RouteError
from eventkit.events import AwsEvent, Change, KinesisRecord, ObjectEvent, dynamodb
from eventkit.values import Value

__all__ = [
    "Field",
    "Test",
    "Transition",
    "attribute",
    "key",
    "kind",
    "new",
    "old",
    "partition_key",
]

Scalar = str | int | float | Decimal | bool | None


class _Missing:
    """The value of a field that an event does not have."""

    def __repr__(self) -> str:
        return "absent"


MISSING: Final = _Missing()


class Test(Value, Condition):
    """A field meets one of several operands of one operator.

    A field that holds several values (an SNS `String.Array`) meets it when one of the values does. An absent field
    meets only `exists: false`.
    """

    __test__ = False

    field: "Field"
    operator: Operator
    operands: tuple[Any, ...]

    def compiled(self) -> Check:
        operands = self.operands
        match self.field.subject, self.operator:
            case "key", "prefix":
                return lambda event: isinstance(event, ObjectEvent) and event.key.startswith(operands)
            case "key", "suffix":
                return lambda event: isinstance(event, ObjectEvent) and event.key.endswith(operands)
            case _:
                return lambda event: self.accepts(self.field.values(event))

    def accepts(self, values: tuple[object, ...]) -> bool:
        """Whether a field that holds these values, or none, meets the test."""
        if self.operator == "exists":
            return bool(values) is self.operands[0]
        return any(self._accepts(value) for value in values)

    def _accepts(self, value: object) -> bool:
        if self.operator == "anything-but":
            excluded: Test = self.operands[0]
            return not excluded.accepts((value,))
        check = OPERATORS[self.operator]
        return any(check(value, operand) for operand in self.operands)

    def __str__(self) -> str:
        match self.operator:
            case "exists":
                return f"{self.field} is {'present' if self.operands[0] else 'absent'}"
            case "anything-but":
                return f"{self.field} is anything but: {self.operands[0]}"
            case "exact":
                return f"{self.field} is {' or '.join(map(repr, self.operands))}"
            case "numeric":
                return " or ".join(f"{self.field} {_bounds(bounds)}" for bounds in self.operands)
            case _:
                return f"{self.field} has {self.operator} {' or '.join(map(repr, self.operands))}"


def _bounds(bounds: tuple[Any, ...]) -> str:
    return " and ".join(f"{sign} {bound}" for sign, bound in zip(bounds[::2], bounds[1::2], strict=True))


class Field(Value):
    """Something of an event that a condition looks at; made by `attribute`, `new` and `old`, or one that is there."""

    subject: Literal["attribute", "new", "old", "key", "kind", "partition key"]
    name: str

    def values(self, event: AwsEvent) -> tuple[object, ...]:
        """The field's values in an event; empty where the event does not have it."""
        match self.subject:
            case "attribute":
                found: object = event.attributes.get(self.name, MISSING)
            case "key" | "kind":
                found = getattr(event, self.subject) if isinstance(event, ObjectEvent) else MISSING
            case "partition key":
                found = event.partition_key if isinstance(event, KinesisRecord) else MISSING
            case "new" | "old":
                found = _in_image(event, "NewImage" if self.subject == "new" else "OldImage", self.name)
        if found is MISSING:
            return ()
        return cast("tuple[object, ...]", found) if isinstance(found, tuple) else (found,)

    def equals(self, *values: Scalar) -> Test:
        """It is one of these values."""
        return self._test("exact", *values)

    def startswith(self, *prefixes: str) -> Test:
        """It is a text that starts with one of these."""
        return self._test("prefix", *prefixes)

    def endswith(self, *suffixes: str) -> Test:
        """It is a text that ends with one of these."""
        return self._test("suffix", *suffixes)

    def equals_ignoring_case(self, *values: str) -> Test:
        """It is one of these texts, whatever their case."""
        return self._test("equals-ignore-case", *values)

    def in_network(self, *networks: str) -> Test:
        """It is an IP address in one of these networks, in CIDR notation."""
        try:
            return self._test("cidr", *(str(ip_network(network)) for network in networks))
        except ValueError as error:
            raise RouteError(f"{self}: {error}") from error

    def above(self, bound: float | Decimal) -> Test:
        """It is a number greater than the bound."""
        return self._test("numeric", (">", bound))

    def at_least(self, bound: float | Decimal) -> Test:
        """It is a number greater than the bound or equal to it."""
        return self._test("numeric", (">=", bound))

    def below(self, bound: float | Decimal) -> Test:
        """It is a number less than the bound."""
        return self._test("numeric", ("<", bound))

    def at_most(self, bound: float | Decimal) -> Test:
        """It is a number less than the bound or equal to it."""
        return self._test("numeric", ("<=", bound))

    def between(self, low: float | Decimal, high: float | Decimal) -> Test:
        """It is a number from `low` to `high`, both included."""
        return self._test("numeric", (">=", low, "<=", high))

    def anything_but(self, *values: Scalar | Test) -> Test:
        """It is present, and none of these values; or it does not meet the one test given."""
        match values:
            case (Test() as excluded,):
                return self._test("anything-but", excluded)
            case _ if any(isinstance(value, Test) for value in values):
                raise RouteError(f"{self}: anything_but takes values, or a single test")
            case _:
                return self._test("anything-but", Test(self, "exact", values))

    def exists(self) -> Test:
        """It is present."""
        return self._test("exists", True)  # noqa: FBT003 - the operand as SNS writes it

    def absent(self) -> Test:
        """It is not present."""
        return self._test("exists", False)  # noqa: FBT003

    def becomes(self, *values: Scalar) -> "Transition":
        """It is one of these values after the change, and was none of them before: for `new(…)`."""
        if self.subject != "new":
            raise RouteError(f"{self}: only a field of the new image becomes something; write new({self.name!r})")
        return Transition(self.name, values)

    def _test(self, operator: Operator, *operands: object) -> Test:
        if not operands:
            raise RouteError(f"{self}: {operator} needs at least one value")
        return Test(self, operator, operands)

    def __str__(self) -> str:
        return f"{self.subject}({self.name!r})" if self.name else f"the {self.subject}"


class Transition(Value, Condition):
    """A field of an item is one of the values after the change, and was none of them before."""

    name: str
    values: tuple[Scalar, ...]

    def compiled(self) -> Check:
        return self._holds

    def _holds(self, event: AwsEvent) -> bool:
        before = _in_image(event, "OldImage", self.name)
        after = _in_image(event, "NewImage", self.name)
        if isinstance(event, dynamodb.Modified) and event.raw_image("OldImage") is None:
            return False
        return self._is_one(after) and not self._is_one(before)

    def _is_one(self, value: object) -> bool:
        return any(same(value, wanted) for wanted in self.values)

    def __str__(self) -> str:
        return f"{self.name!r} becomes {' or '.join(map(repr, self.values))}"


def _in_image(event: AwsEvent, name: str, path: str) -> object:
    found: object = {"M": event.raw_image(name)} if isinstance(event, Change) else None
    for step in path.split("."):
        members = found.get("M") if is_object(found) else None
        if not is_object(members) or step not in members:
            return MISSING
        found = members[step]
    return dynamodb.attribute(found)


def attribute(name: str) -> Field:
    """A message attribute of the nearest envelope."""
    return Field("attribute", name)


def new(path: str) -> Field:
    """An attribute of an item after the change; dots lead into maps."""
    return Field("new", path)


def old(path: str) -> Field:
    """An attribute of an item before the change; dots lead into maps."""
    return Field("old", path)


key: Final = Field("key", "")
"""An object's decoded key."""

kind: Final = Field("kind", "")
"""What happened to an object, within its family: `Put`, `DeleteMarkerCreated`."""

partition_key: Final = Field("partition key", "")
"""A Kinesis record's partition key."""
