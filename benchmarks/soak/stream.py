"""A stream as one who writes to it, and reshards it, sees it."""

from abc import ABC, abstractmethod
from base64 import b64decode
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.soak.reading import NAME
from benchmarks.streams.server import StreamServer
from eventkit.streams import Raw, sequence_of
from eventkit.streams.memory import MemoryStreams

__all__ = ["DataStream", "SoakStream", "TableStream", "Tail"]


@dataclass(frozen=True, slots=True)
class Tail:
    """Where a shard ends by now: the sequence number of its last record, if it has one, and whether it is closed."""

    last: str | None
    closed: bool


class SoakStream(ABC):
    """A stream; a message belongs to the shard of its group."""

    def __init__(self, server: StreamServer, arn: str, shards: Sequence[str]) -> None:
        self.open: list[str] = [*shards]
        """The shards that are open, in the order of their hash keys."""
        self.shards: list[str] = [*shards]
        """All shards that there ever were."""
        self._server = server
        self._arn = arn

    def send(self, messages: Iterable[str]) -> None:
        """Write messages, in order."""
        places = [message.split("/") for message in messages]
        self._server.play(lambda streams: [self._put(streams, group, place) for group, place in places])

    def split(self, place: int) -> None:
        """Split the open shard at this place."""
        self._replace(place, 1, lambda streams, shards: streams.split(self._arn, *shards))

    def merge(self, place: int) -> None:
        """Merge the open shard at this place with the next one."""
        self._replace(place, 2, lambda streams, shards: [streams.merge(self._arn, *shards)])

    def roll(self, place: int) -> None:
        """Let the open shard at this place have a successor."""
        self._replace(place, 1, lambda streams, shards: [streams.roll(self._arn, *shards)])

    @property
    def tails(self) -> Mapping[str, Tail]:
        """Where each shard ends."""
        return {
            shard: Tail(sequence_of(records[-1]) if records else None, shard not in self.open)
            for shard, records in self._records().items()
        }

    @property
    def homes(self) -> Mapping[str, str]:
        """The shard of each message."""
        return {self._message(record): shard for shard, records in self._records().items() for record in records}

    def _replace(
        self, place: int, count: int, reshard: Callable[[MemoryStreams, Sequence[str]], Sequence[str]]
    ) -> None:
        """Let others go on for so many of the open shards, from a place on."""
        shards = self.open[place : place + count]
        children = self._server.play(lambda streams: reshard(streams, shards))
        self.open[place : place + count] = children
        self.shards += children

    def _records(self) -> Mapping[str, Sequence[Raw]]:
        return self._server.play(lambda streams: {shard: streams.records(self._arn, shard) for shard in self.shards})

    @abstractmethod
    def _put(self, streams: MemoryStreams, group: str, place: str) -> None:
        """Write a message."""

    @abstractmethod
    def _message(self, record: Any) -> str:  # noqa: ANN401 - parsed JSON
        """The message of a record."""


class DataStream(SoakStream):
    """A stream of Kinesis, whose records are messages, with their group as the partition key."""

    def __init__(self, server: StreamServer, shards: int) -> None:
        arn = server.play(lambda streams: streams.create_stream(NAME, shards=shards))
        super().__init__(server, arn, server.shards(arn))

    def _put(self, streams: MemoryStreams, group: str, place: str) -> None:
        streams.put(NAME, group, f"{group}/{place}")

    def _message(self, record: Any) -> str:  # noqa: ANN401 - parsed JSON
        return b64decode(record["kinesis"]["data"]).decode()


class TableStream(SoakStream):
    """The stream of a table, into which an item is put for each message, with its group as the partition key."""

    def __init__(self, server: StreamServer, shards: int) -> None:
        arn = server.play(lambda streams: streams.create_table(NAME, ("group", "place"), shards=shards))
        super().__init__(server, arn, server.shards(arn))

    def _put(self, streams: MemoryStreams, group: str, place: str) -> None:
        streams.put_item(NAME, {"group": {"S": group}, "place": {"N": place}})

    def _message(self, record: Any) -> str:  # noqa: ANN401 - parsed JSON
        keys = record["dynamodb"]["Keys"]
        return f"{keys['group']['S']}/{keys['place']['N']}"
