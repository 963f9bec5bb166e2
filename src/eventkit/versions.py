"""The types of events of one resource in all their versions, from its type and its upcasters: checked, as a list."""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeGuard, get_type_hints, is_typeddict

from eventkit.discriminators import Discriminator, Upcaster, Version
from eventkit.errors import RouteError
from eventkit.validation import members_of, name_of
from eventkit.values import replace

__all__ = ["versions_of"]


class Step(NamedTuple):
    """One upcaster: the version that it takes, and the one that it gives."""

    old: type
    new: type
    function: Upcaster

    def __str__(self) -> str:
        return f"the upcaster {getattr(self.function, '__qualname__', self.function)}"


def versions_of(model: object, upcasters: Sequence[Upcaster], discriminator: Discriminator) -> tuple[Version, ...]:
    """All versions of all types, the current ones first. Raises `RouteError` where they do not fit together."""
    if upcasters and not discriminator.has_versions:
        raise RouteError(f"there are upcasters, and types={discriminator!r} does not say versions: add version=…")
    current = list(_current(model, discriminator))
    steps = _steps(upcasters, discriminator)
    for version in current:
        if version.model in steps:
            raise RouteError(
                f"{steps[version.model]} lifts {name_of(version.model)}, which {name_of(model)} takes as it is"
            )
    versions = (*current, *(_lifted(old, steps, current, discriminator) for old in steps))
    _check_labels(versions)
    return versions


def _current(model: object, discriminator: Discriminator) -> Iterator[Version]:
    for member in members_of(model):
        for one in discriminator.members(member):
            if not _is_class(one) or one is str:
                raise RouteError(f"{name_of(one)} has no type of event: with types=… each type must be a class")
            names = discriminator.names_of(one) or (one.__name__,)
            yield Version(names, discriminator.version_of(one), one, one, member)


def _is_class(kind: object) -> TypeGuard[type]:
    """Whether values show that they are of the type; those of `Any` and of TypedDicts do not."""
    return isinstance(kind, type) and kind is not Any and not is_typeddict(kind)


def _steps(upcasters: Sequence[Upcaster], discriminator: Discriminator) -> Mapping[type, Step]:
    steps: dict[type, Step] = {}
    for upcaster in upcasters:
        step = _step(upcaster)
        if step.old in steps:
            raise RouteError(f"{steps[step.old]} and {step} both take {name_of(step.old)}: one of them must go")
        old, new = discriminator.version_of(step.old), discriminator.version_of(step.new)
        if new != old + 1:
            raise RouteError(
                f"{step} leads from {name_of(step.old)}, version {old}, to {name_of(step.new)}, version {new}: "
                "each leads to the next version"
            )
        steps[step.old] = step
    return steps


def _step(upcaster: Upcaster) -> Step:
    name = getattr(upcaster, "__qualname__", repr(upcaster))
    try:
        hints = get_type_hints(upcaster)
        first = next(iter(inspect.signature(upcaster).parameters), "")
    except (NameError, TypeError, ValueError) as error:
        raise RouteError(f"the upcaster {name}: its annotations cannot be read: {error}") from error
    old, new = hints.get(first), hints.get("return")
    if not (_is_class(old) and _is_class(new)):
        raise RouteError(f"the upcaster {name} must say what it takes and gives: def {name}(old: Old) -> New")
    return Step(old, new, upcaster)


def _lifted(old: type, steps: Mapping[type, Step], current: Sequence[Version], discriminator: Discriminator) -> Version:
    """An old version, with the way to the current one. It has an end, because each step leads to a higher version."""
    functions: list[Any] = []
    model = old
    while model in steps:
        functions.append(steps[model].function)
        model = steps[model].new
    for end in current:
        if end.model is model:
            names = discriminator.names_of(old) or end.names
            return replace(end, names=names, number=discriminator.version_of(old), model=old, steps=tuple(functions))
    listed = " | ".join(name_of(version.member) for version in current)
    raise RouteError(f"upcasters lead from {name_of(old)} to {name_of(model)}, which is none of {listed}")


def _check_labels(versions: Sequence[Version]) -> None:
    known: dict[tuple[str, int], Version] = {}
    for version in versions:
        for name in version.names:
            other = known.setdefault((name, version.number), version)
            if other is not version:
                raise RouteError(
                    f"{name_of(other.model)} and {name_of(version.model)} are both version {version.number} of "
                    f"{name!r}: one of them needs another name or version"
                )
