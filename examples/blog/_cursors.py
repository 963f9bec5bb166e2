"""Cursors: the place where a listing goes on, as text that clients hand back and need not understand.

A cursor is not signed: it says no more than a place in a listing that is public anyway, and whatever place somebody
makes up is validated before it is used.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Generic, TypeVar

from pydantic import TypeAdapter

__all__ = ["Cursors"]

P = TypeVar("P")

LONGEST = 400
"""Characters; no place needs as many."""


class Cursors(Generic[P]):
    """The cursors of one listing, by the type of its places."""

    def __init__(self, places: TypeAdapter[P]) -> None:
        self._places = places

    def encode(self, place: P) -> str:
        """The cursor of a place."""
        return urlsafe_b64encode(self._places.dump_json(place)).decode().rstrip("=")

    def decode(self, cursor: str) -> P:
        """The place of a cursor. Raises `ValueError` for what is none of this listing's."""
        if len(cursor) > LONGEST:
            raise ValueError("a cursor is shorter")
        padded = cursor + "=" * (-len(cursor) % 4)
        return self._places.validate_json(urlsafe_b64decode(padded.encode("ascii")), strict=True)
