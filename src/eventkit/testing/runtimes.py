"""The port by which a test runs an app in a runtime. Runtimes are found by the entry-point group `eventkit.runtimes`.

The built-in ones, `lambda` and `poller`, load the same way.
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Protocol, cast

from eventkit.app import App
from eventkit.backends import Backend, Raw
from eventkit.errors import ConfigurationError
from eventkit.names import Names
from eventkit.outcomes import Outcome
from eventkit.stores import IdempotencyStore
from eventkit.streams import Streams
from eventkit.testing.threads import VirtualThreads

__all__ = ["RUNTIMES", "Open", "Runtime", "Stage", "open_runtime"]

GROUP = "eventkit.runtimes"

RUNTIMES = ("lambda", "poller")
"""The runtimes that come with eventkit."""


@dataclass(frozen=True, slots=True)
class Stage:
    """What a runtime gets to run an app in a test. The event loop that it is opened on has virtual time.

    Attributes:
        app: What to run.
        names: What its resources are called.
        queues: The queues to consume.
        backend: Where messages come from, and go to.
        threads: What plain functions are called by.
        clock: Seconds since the test's start.
        random: Chance.
        timeout: The queues' visibility timeout in seconds, which is also what an invocation may take.
        store: What idempotent routes remember by; None where the app has none.
        settled: To be called with each record whose outcome is certain.
        streams: Where records of tables and streams come from.
    """

    app: App
    names: Names
    queues: tuple[str, ...]
    backend: Backend
    threads: VirtualThreads
    clock: Callable[[], float]
    random: Callable[[], float]
    timeout: float
    store: IdempotencyStore | None
    settled: Callable[[Raw, Outcome], None]
    streams: Streams


class Runtime(Protocol):
    """A runtime that runs."""

    dropped: list[Raw]
    """Events that were given up without anybody's keeping them."""

    direct: bool
    """Whether events of buckets and topics can enter without a queue."""

    def consume(self, queue: str) -> None:
        """Take the messages of this queue, too. Raises `ConfigurationError` where that cannot be."""
        ...

    def invoke(self, event: Raw) -> None:
        """Take an event that came without a queue or a stream. Raises `ConfigurationError` where that cannot be."""
        ...

    def sleep(self, seconds: float) -> None:
        """Let time pass in a plain function that the app calls, until it is cut off at the most."""
        ...

    def check(self) -> None:
        """Raise what ended the runtime, if anything did."""
        ...


Open = Callable[[Stage], AbstractAsyncContextManager[Runtime]]
"""What an entry point of the group names: runs the app of the stage as long as the context lasts."""


def open_runtime(name: str) -> Open:
    """The runtime with this name. Raises `ConfigurationError` when none is installed."""
    found = {point.name: point for point in entry_points(group=GROUP)}
    if name not in found:
        known = ", ".join(sorted(found)) or "none"
        raise ConfigurationError(f"there is no runtime {name!r}; the installed ones are {known}")
    return cast("Open", found[name].load())
