"""What handlers subscribe to."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, TypeVar

from eventkit._logic import Condition, all_of
from eventkit.values import Value, replace

if TYPE_CHECKING:
    from eventkit.events import AwsEvent
    from eventkit.resources import Resource

__all__ = ["Selector", "Source"]

E_co = TypeVar("E_co", covariant=True)
F = TypeVar("F")


class Selector(Value):
    """One kind of event of one resource: how a route recognises it, and how it becomes what the handler takes.

    `read` turns the AWS event into the handler's value; it returns `SKIPPED` where the value shows that the event
    is not this selector's, and raises `DecodeError` where the value is not valid.
    """

    resource: "Resource"
    events: tuple[type["AwsEvent"], ...]
    read: "Callable[[AwsEvent], object] | None"
    gives: object
    """The type that the handler takes, as it is written in an annotation."""
    condition: Condition | None = None
    narrows: bool = False
    """Whether `read` may return `SKIPPED`."""

    def narrowed(self, conditions: tuple[Condition, ...]) -> "Selector":
        """The same selector with further conditions."""
        known = () if self.condition is None else (self.condition,)
        return replace(self, condition=all_of((*known, *conditions)))

    def __str__(self) -> str:
        kinds = " or ".join(event.__name__ for event in self.events)
        return f"{kinds} of {self.resource}" + (f" where {self.condition}" if self.condition else "")


class Source(Generic[E_co]):
    """Something that a handler subscribes to, giving values of type `E`. Sources combine with `|`."""

    __slots__ = ()

    @property
    def selectors(self) -> tuple[Selector, ...]:
        """The kinds of events that the source takes."""
        raise NotImplementedError

    def __or__(self, other: "Source[F]") -> "Source[E_co | F]":
        return Selection((*self.selectors, *other.selectors))

    def where(self, *conditions: Condition) -> "Source[E_co]":
        """The same events, if all the conditions hold too."""
        return Selection(tuple(selector.narrowed(conditions) for selector in self.selectors))


class Selection(Value, Source[E_co]):
    """A source made of other sources, or of a resource with conditions."""

    chosen: tuple[Selector, ...]

    @property
    def selectors(self) -> tuple[Selector, ...]:
        return self.chosen

    def __str__(self) -> str:
        return ", or ".join(map(str, self.chosen))


class Skipped:
    """The event turned out not to be the selector's."""


SKIPPED = Skipped()
