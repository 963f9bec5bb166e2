"""Conditions on events, and what joins them."""

from collections.abc import Callable, Iterable
from functools import reduce

from eventkit.events import AwsEvent
from eventkit.values import Value

__all__ = ["AllOf", "AnyOf", "Check", "Condition", "Not", "all_of"]

Check = Callable[[AwsEvent], bool]


class Condition:
    """A condition on an event. Conditions combine with `&`, `|` and `~`; `str()` says it in words."""

    __slots__ = ()

    def compiled(self) -> Check:
        """A function that says whether an event meets the condition."""
        raise NotImplementedError

    def matches(self, event: AwsEvent) -> bool:
        """Whether the event meets the condition."""
        return self.compiled()(event)

    def __and__(self, other: "Condition") -> "AllOf":
        return AllOf((self, other))

    def __or__(self, other: "Condition") -> "AnyOf":
        return AnyOf((self, other))

    def __invert__(self) -> "Not":
        return Not(self)


class AllOf(Value, Condition):
    """All of the conditions hold."""

    conditions: tuple[Condition, ...]

    def compiled(self) -> Check:
        return reduce(_both, [condition.compiled() for condition in self.conditions])

    def __str__(self) -> str:
        return " and ".join(_grouped(condition) for condition in self.conditions)


class AnyOf(Value, Condition):
    """At least one of the conditions holds."""

    conditions: tuple[Condition, ...]

    def compiled(self) -> Check:
        return reduce(_either, [condition.compiled() for condition in self.conditions])

    def __str__(self) -> str:
        return " or ".join(_grouped(condition) for condition in self.conditions)


class Not(Value, Condition):
    """The condition does not hold."""

    condition: Condition

    def compiled(self) -> Check:
        check = self.condition.compiled()
        return lambda event: not check(event)

    def __str__(self) -> str:
        return f"not ({self.condition})"


def _both(first: Check, second: Check) -> Check:
    return lambda event: first(event) and second(event)


def _either(first: Check, second: Check) -> Check:
    return lambda event: first(event) or second(event)


def _grouped(condition: Condition) -> str:
    return f"({condition})" if isinstance(condition, AllOf | AnyOf) else str(condition)


def all_of(conditions: Iterable[Condition]) -> Condition | None:
    """One condition for several that must all hold; None for none."""
    found = tuple(conditions)
    return found[0] if len(found) == 1 else AllOf(found) if found else None
