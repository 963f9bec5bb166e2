"""The types of events that one resource carries, ready to be read, told apart and written."""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property

from eventkit.discriminators import Carrier, Discriminator, Label, Upcaster, Version
from eventkit.errors import AuthorError, DecodeError
from eventkit.outgoing import Outgoing
from eventkit.sources import SKIPPED
from eventkit.validation import Reader, name_of
from eventkit.versions import versions_of

__all__ = ["EventTypes"]

Read = Callable[[Carrier], object]

_SHOWN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,63}")
"""Names of types that texts repeat, although a sender chose them; no others, since they could be anything."""


class EventTypes:
    """What reads and writes the messages of one resource, by the type that each says it is."""

    def __init__(
        self, discriminator: Discriminator, model: object, upcasters: Sequence[Upcaster] = (), *, strict: bool = True
    ) -> None:
        """Raises `RouteError` where names, versions or upcasters do not fit together."""
        self._discriminator = discriminator
        self._strict = strict
        self._versions = versions_of(model, upcasters, discriminator)
        self._label = discriminator.labels()

    def reader(self, wanted: Callable[[object], bool] = lambda _member: True) -> Read:
        """A function that gives the value of a message, and `SKIPPED` for a type that is unknown or not `wanted`.

        It validates only the model that the message says it is, and raises `DecodeError`.
        """
        known = {label: self._reading(version, wanted) for version in self._versions for label in self._labels(version)}
        label = self._label

        def read(event: Carrier) -> object:
            said = label(event)
            found = known.get(said)
            return self._missing(said, wanted) if found is None else found(event)

        return read

    def _reading(self, version: Version, wanted: Callable[[object], bool]) -> Read:
        return self._discriminator.reading(version, strict=self._strict) if wanted(version.member) else _skip

    def _labels(self, version: Version) -> Sequence[Label]:
        """What messages of this version say they are. Where there is but one type, they need not name it."""
        names = (*version.names, None) if len(self._writers) == 1 else version.names
        return [Label(name, version.number) for name in names]

    def _missing(self, said: Label, wanted: Callable[[object], bool]) -> object:
        """What becomes of a message that is of no known type and version."""
        if said.name is None and len(self._writers) > 1:
            raise DecodeError(f"the message does not say its type: it has no {self._discriminator} that is a text")
        alike = [version for version in self._versions if said.name in {None, *version.names}]
        if not any(wanted(version.member) for version in alike):
            return SKIPPED
        numbers = sorted(version.number for version in alike)
        known = f"{numbers[0]} to {numbers[-1]}" if len(numbers) > 1 else f"only {numbers[0]}"
        raise DecodeError(f"the message is version {said.version} of {alike[0].names[0]!r}; this app knows {known}")

    def named(self, event: Carrier) -> str | None:
        """The type that a message says it is, as texts may repeat it: bounded, and None where it is no proper name."""
        try:
            name = self._label(event).name
        except DecodeError:
            return None
        return name if name is not None and _SHOWN.fullmatch(name) else None

    def encode(self, message: object) -> Outgoing:
        """The message as it is sent. Raises `AuthorError` for one that the resource does not carry."""
        value = self._discriminator.data(message)
        for kind in type(value).__mro__:
            if kind in self._writers:
                version, reader = self._writers[kind]
                return self._discriminator.encode(version, message, reader.to_text(value))
        carried = " | ".join(name_of(kind) for kind in self._writers)
        raise AuthorError(f"a message of type {name_of(type(value))} cannot be sent where there are {carried}")

    @cached_property
    def _writers(self) -> Mapping[type, tuple[Version, Reader]]:
        """The current version of each type, with what writes its values."""
        current = (version for version in self._versions if not version.steps)
        return {version.model: (version, Reader(version.model, strict=self._strict)) for version in current}


def _skip(_event: Carrier) -> object:
    return SKIPPED
