"""A body on its way from an origin to any number of viewers, each at its own pace."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from types import TracebackType
from typing import Self

__all__ = ["AbandonedError", "BrokenTransferError", "Reader", "Transfer"]

_WINDOW = 256 * 1024


class AbandonedError(Exception):
    """Nobody reads this body, and it is too large to be kept: it need not be fetched."""


class BrokenTransferError(Exception):
    """The origin broke off in the middle of the body."""


class Transfer:
    """A body that one task writes while others read it from its beginning.

    Up to a limit all of it is kept, and readers may come at any time. A body that exceeds it passes through: from then
    on a piece is dropped when the last reader has had it, the writer waits for the slowest one, and nobody can join.

    Args:
        limit: Bytes that are kept; with a negative limit, the body passes through from its first piece.

    Attributes:
        size: Bytes written so far.
        is_complete: Whether that is all.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._pieces: deque[bytes] = deque()
        self._dropped = 0
        self._held = 0
        self._readers: set[Reader] = set()
        self._changed = asyncio.Event()
        self._broken = False
        self.size: int = 0
        self.is_complete: bool = False

    @classmethod
    def of(cls, content: bytes) -> Self:
        """A body that is there."""
        transfer = cls(len(content))
        transfer._pieces.append(content)
        transfer.size = len(content)
        transfer.is_complete = True
        return transfer

    @property
    def is_kept(self) -> bool:
        """Whether all that was written is still here."""
        return self.size <= self._limit

    async def write(self, piece: bytes) -> None:
        """Append a piece, and wait while readers of a body that is not kept lag behind.

        Raises:
            AbandonedError: It is not kept, and has no reader.
        """
        self._pieces.append(piece)
        self._held += len(piece)
        self.size += len(piece)
        self._wake()
        while not self.is_kept:
            self._drop_what_was_read()
            if not self._readers:
                raise AbandonedError
            if self._held <= _WINDOW:
                return
            await self._change()

    def complete(self) -> None:
        """Say that this was all."""
        self.is_complete = True
        self._wake()

    def fail(self) -> None:
        """Say that the rest will not come; readers get `BrokenTransferError` after what there is."""
        self._broken = not self.is_complete
        self._wake()

    def read(self, part: range | None = None) -> "Reader":
        """Read all of it, or some bytes; the reader counts from now on and must be closed."""
        reader = Reader(self, part)
        self._readers.add(reader)
        return reader

    def leave(self, reader: "Reader") -> None:
        """Forget a reader, for whom nothing is kept any longer."""
        self._readers.discard(reader)
        self._wake()

    async def piece(self, number: int) -> bytes | None:
        """Give a piece as soon as it is there, and None after the last one.

        Raises:
            BrokenTransferError: It will not come.
        """
        while number >= self._dropped + len(self._pieces):
            if self._broken:
                raise BrokenTransferError
            if self.is_complete:
                return None
            await self._change()
        if not self.is_kept:
            self._wake()  # the writer may go on
        return self._pieces[number - self._dropped]

    def _drop_what_was_read(self) -> None:
        had = min((reader.number for reader in self._readers), default=self._dropped + len(self._pieces))
        while self._dropped < had and self._pieces:
            self._held -= len(self._pieces.popleft())
            self._dropped += 1

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _change(self) -> None:
        await self._changed.wait()


class Reader:
    """One viewer's way through a transfer: an async iterator that is closed when the viewer has gone.

    Attributes:
        number: The piece that it is at.
    """

    def __init__(self, transfer: Transfer, part: range | None) -> None:
        self._transfer = transfer
        self._part = part
        self.number: int = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop reading."""
        self._transfer.leave(self)

    async def __aiter__(self) -> AsyncGenerator[bytes]:
        position = 0
        while self._part is None or position < self._part.stop:
            piece = await self._transfer.piece(self.number)
            if piece is None:
                return
            self.number += 1
            if wanted := _overlap(piece, position, self._part):
                yield wanted
            position += len(piece)


def _overlap(piece: bytes, position: int, part: range | None) -> bytes:
    """Cut out of a piece, which begins at a position of the body, what belongs to the part."""
    if part is None:
        return piece
    return piece[max(0, part.start - position) : max(0, part.stop - position)]
