"""One event through an app, for `eventkit invoke`: handlers run, and what they publish is recorded instead of sent."""

import asyncio
import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic_core import from_json

from eventkit.app import App
from eventkit.backends import Raw
from eventkit.backends._sending import require_sendable
from eventkit.concurrency import handle_batch
from eventkit.decode import ordering_of, record_id, records_of
from eventkit.dispatch import Wiring, open_dispatcher
from eventkit.errors import ConfigurationError
from eventkit.execution import Environment
from eventkit.names import Names
from eventkit.outcomes import Done, Outcome, Retry
from eventkit.publish import Outgoing
from eventkit.stores.memory import MemoryStore
from eventkit_cli.failures import short_trace
from eventkit_cli.outcomes import delivery_as_json, delivery_parts, outcome_as_json
from eventkit_cli.screen import Screen
from eventkit_local.watch import Seen, Watch

__all__ = ["Handled", "Invocation", "invocation_as_json", "invoke", "read_event", "show_invocation"]

T = TypeVar("T")


def read_event(source: str) -> object:
    """The parsed JSON in a file, or of standard input where the name is `-`. Raises `ConfigurationError`."""
    name = "standard input" if source == "-" else source
    try:
        content = sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{name} cannot be read: {error.strerror}") from error
    try:
        return from_json(content, allow_inf_nan=False)
    except ValueError as error:
        raise ConfigurationError(f"{name} does not hold JSON: {error}") from error


@dataclass(frozen=True, slots=True)
class Published:
    """A message that a handler published."""

    kind: str
    address: str
    message: Outgoing


@dataclass(frozen=True, slots=True)
class Handled:
    """A record with its outcome, and its deliveries."""

    id: str | None
    outcome: Outcome
    deliveries: tuple[Seen, ...]


@dataclass(frozen=True, slots=True)
class Invocation:
    """What an event did."""

    app: str
    records: tuple[Handled, ...]
    published: tuple[Published, ...]

    @property
    def is_done(self) -> bool:
        """Whether nothing is to be retried, and nothing rejected."""
        return all(isinstance(record.outcome, Done) for record in self.records)


@dataclass(frozen=True, slots=True)
class _Recorder:
    """A publisher that keeps messages to itself."""

    published: list[Published] = field(default_factory=list[Published])

    async def publish(self, kind: str, address: str, messages: Sequence[Outgoing]) -> None:
        require_sendable(kind, address, messages)
        self.published.extend(Published(kind, address, message) for message in messages)


class _Threads:
    """Plain functions, each on a thread of asyncio's."""

    async def call(self, function: Callable[[], T], timeout: float | None) -> T:  # noqa: ASYNC109 - `Blocking` says so
        async with asyncio.timeout(timeout):
            return await asyncio.to_thread(function)


async def invoke(app: App, event: object, names: Names) -> Invocation:
    """Run the app's lifespan and, in it, an event's records one after the other.

    Raises `DecodeError` for what is not an event that eventkit knows, and what the lifespan raises.
    """
    records = records_of(event)
    recorder, watch = _Recorder(), Watch()
    environment = Environment(_Threads(), random.random, (watch.middleware,))
    async with open_dispatcher(app, environment, Wiring(names, recorder, MemoryStore())) as dispatcher:
        outcomes = await handle_batch(records, dispatcher.lane_by(ordering_of(records)), dispatcher.handle, 1, None)
    handled = [_handled(watch, record, outcome) for record, outcome in zip(records, outcomes, strict=True)]
    return Invocation(app.name, tuple(handled), tuple(recorder.published))


def _handled(watch: Watch, record: Raw, outcome: Outcome) -> Handled:
    return Handled(record_id(record), outcome, tuple(watch.seen(record, outcome)))


def show_invocation(screen: Screen, invocation: Invocation) -> None:
    """Write what an event did, with the errors of handlers in full: event and terminal are the same person's."""
    for number, record in enumerate(invocation.records, 1):
        screen.line((f"record {number}", "bold"), f" ({record.id})" if record.id else "")
        for seen in record.deliveries:
            screen.line("  ", *delivery_parts(seen))
            if isinstance(seen.outcome, Retry) and seen.outcome.error is not None:
                for line in short_trace(seen.outcome.error):
                    screen.line((f"      {line}", "dim"))
    for one in invocation.published:
        screen.line(("published", "bold"), f" to {one.kind} {one.address}{_group(one.message)}: {one.message.text}")


def _group(message: Outgoing) -> str:
    return f", group {message.group}" if message.group else ""


def invocation_as_json(invocation: Invocation) -> dict[str, Any]:
    """The same for a machine."""
    return {
        "app": invocation.app,
        "done": invocation.is_done,
        "records": [_record(record) for record in invocation.records],
        "published": [
            {
                "kind": one.kind,
                "address": one.address,
                "text": one.message.text,
                "group": one.message.group,
                "deduplication_id": one.message.deduplication_id,
                "attributes": dict(one.message.attributes),
            }
            for one in invocation.published
        ],
    }


def _record(record: Handled) -> dict[str, Any]:
    deliveries = [delivery_as_json(seen) for seen in record.deliveries]
    return {"id": record.id, **outcome_as_json(record.outcome), "deliveries": deliveries}
