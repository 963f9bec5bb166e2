"""Metrics of a poller, and of handlers in any runtime, for Prometheus.

::

    metrics = PollerMetrics(REGISTRY)
    poller = Poller(app, backend, observe=metrics.observe, middleware=[metrics.middleware])

Several processes share one page by prometheus_client's multiprocess mode. It is on where `PROMETHEUS_MULTIPROC_DIR`
names a folder, empty at first, **before this module is imported**. Whoever starts the processes calls `worker_ended`
for each that is gone.
"""

# prometheus_client does not annotate its multiprocess mode.
# pyright: reportUnknownMemberType=false

import os
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from eventkit.batch import HELD
from eventkit.delivery import Delivery
from eventkit.errors import ConfigurationError, MissingExtraError
from eventkit.middleware import CallNext
from eventkit.outcomes import Outcome, Retry
from eventkit.streams import Raw, time_of
from eventkit.streams.slices import Condition
from eventkit_poller.health import Page
from eventkit_poller.observing import (
    Extended,
    Failed,
    GivenUp,
    Leased,
    Lost,
    Observation,
    Read,
    Received,
    Settled,
    State,
    Trimmed,
    Verb,
)
from eventkit_telemetry._outcomes import outcome_name

try:
    from prometheus_client import (
        CONTENT_TYPE_LATEST,
        REGISTRY,
        CollectorRegistry,
        Counter,
        Gauge,
        Histogram,
        generate_latest,
        multiprocess,
    )
except ModuleNotFoundError as _error:
    raise MissingExtraError("prometheus_client", "metrics") from _error

__all__ = ["PollerMetrics", "page", "worker_ended"]

FOLDER = "PROMETHEUS_MULTIPROC_DIR"

HANDLER_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900)
"""Seconds; from a handler that looks something up to one that outlives Lambda's longest timeout."""

RECEIVE_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 19, 21, 30)
"""Seconds; a long poll that finds nothing takes up to 20, and falls between the bounds around them."""

AGE_BUCKETS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3_600, 14_400, 86_400)
"""Seconds; from what a reader that is at the tip needs to what DynamoDB Streams keeps."""

OF_QUEUES: tuple[Verb, ...] = ("receive", "extend", "delete", "park")
OF_STREAMS: tuple[Verb, ...] = ("read", "checkpoint", "park")

OUTCOMES = ("done", "retry", "deferred", "reject", "released")


class PollerMetrics:
    """The metrics, in a registry.

    Their labels are queues, tables, streams, routes, kinds of outcomes and verbs: never shards, nor what comes in.
    """

    def __init__(
        self,
        registry: CollectorRegistry,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`clock` gives seconds that never jump, `now` the time of day, by which a stream's records have an age.

        Raises `ValueError` for a registry that has these metrics already.
        """
        counter = partial(Counter, namespace="eventkit", registry=registry)
        gauge = partial(Gauge, namespace="eventkit", registry=registry)
        histogram = partial(Histogram, namespace="eventkit", registry=registry)
        self._clock = clock
        self._now = now
        self._deliveries = counter("deliveries", "Deliveries that have an outcome.", ("handler", "outcome"))
        self._handling = histogram(
            "handler_duration_seconds", "How long a delivery took.", ("handler",), buckets=HANDLER_BUCKETS
        )
        self._settled = counter("records_settled", "Records whose outcome is certain.", ("queue", "outcome"))
        self._receives = counter("receives", "Receives that were answered.", ("queue", "answer"))
        self._receiving = histogram(
            "receive_duration_seconds", "How long a receive took.", ("queue",), buckets=RECEIVE_BUCKETS
        )
        self._received = counter("records_received", "Records that were received.", ("queue",))
        self._extended = counter("records_extended", "Records that a heartbeat kept invisible.", ("queue",))
        self._lost = counter("records_lost", "Records that others may have while they are handled here.", ("queue",))
        self._failed = counter("calls_failed", "Calls of the backend that failed.", ("queue", "verb"))
        self._in_flight = gauge(
            "records_in_flight", "Records received and not settled.", ("queue",), multiprocess_mode="livesum"
        )
        self._oldest = gauge(
            "oldest_in_flight_age_seconds",
            "Seconds since the oldest record in flight was received.",
            ("queue",),
            multiprocess_mode="livemax",
        )
        self._read = counter("records_read", "Records that were read from shards.", ("stream",))
        self._ages = histogram(
            "record_age_seconds",
            "How long after a record was written it was settled.",
            ("stream",),
            buckets=AGE_BUCKETS,
        )
        self._lag = gauge(
            "stream_lag_seconds",
            "Seconds by which what is settled is behind the present, in the shard that is furthest behind.",
            ("stream",),
            multiprocess_mode="livemax",
        )
        self._shards = gauge("shards_read", "Shards that are read.", ("stream",), multiprocess_mode="livesum")
        self._gaps = counter("stream_gaps", "Times that records were gone before they were read.", ("stream",))
        self._given_up = counter(
            "records_given_up", "Records that were passed although they were not handled.", ("stream", "reason")
        )

        self._leases = counter("leases", "What happened to the leases of shards.", ("stream", "event"))

    async def middleware(self, delivery: Delivery, call_next: CallNext) -> Outcome:
        """Count and time a delivery. One that is cut off has no outcome, and is left out."""
        began = self._clock()
        outcome = await call_next(delivery)
        self._handling.labels(delivery.handler).observe(self._clock() - began)
        self._deliveries.labels(delivery.handler, outcome_name(outcome)).inc()
        return outcome

    def observe(self, observation: Observation) -> None:
        """Count what a poller tells: its hook `observe`."""
        match observation:
            case Received(queue, records, seconds):
                self._receives.labels(queue, "records" if records else "empty").inc()
                self._receiving.labels(queue).observe(seconds)
                self._received.labels(queue).inc(records)
            case Settled(queue, record, outcome):
                self._settled.labels(queue, "released" if outcome is HELD else outcome_name(outcome)).inc()
                self._age(queue, record, outcome)
            case Extended(queue, records):
                self._extended.labels(queue).inc(records)
            case Lost(queue):
                self._lost.labels(queue).inc()
            case Failed(queue, verb):
                self._failed.labels(queue, verb).inc()
            case Read(stream, _, records):
                self._read.labels(stream).inc(records)
            case Trimmed(stream):
                self._gaps.labels(stream).inc()
            case GivenUp(stream, _, records, why):
                self._given_up.labels(stream, why.name.lower()).inc(records)
            case Leased(stream, _, event):
                self._leases.labels(stream, event.removeprefix("lease.")).inc()

    def _age(self, stream: str, record: Raw, outcome: Outcome) -> None:
        written = time_of(record)
        if written is not None and not isinstance(outcome, Retry):
            self._ages.labels(stream).observe(max(0.0, self._now() - written))

    def refresh(self, state: State) -> None:
        """Set the gauges: before each page, and in a process of several every few seconds."""
        for queue, now in state.queues.items():
            self._in_flight.labels(queue).set(now.in_flight)
            self._oldest.labels(queue).set(now.oldest)
            if now.shards is None:
                self._begin_queue(queue)
            else:
                self._begin_stream(queue)
                self._shards.labels(queue).set(now.shards)
                self._lag.labels(queue).set(now.lag or 0.0)

    def _begin(self, name: str, verbs: Iterable[Verb]) -> None:
        """Have counters begin at 0: Prometheus sees no increase in one that turns up as 1."""
        for outcome in OUTCOMES:
            self._settled.labels(name, outcome)
        for verb in verbs:
            self._failed.labels(name, verb)

    def _begin_queue(self, queue: str) -> None:
        self._begin(queue, OF_QUEUES)
        for counter in (self._received, self._extended, self._lost):
            counter.labels(queue)

    def _begin_stream(self, stream: str) -> None:
        self._begin(stream, OF_STREAMS)
        for counter in (self._read, self._gaps):
            counter.labels(stream)
        for reason in Condition:
            self._given_up.labels(stream, reason.name.lower())


def page(registry: CollectorRegistry | None = None) -> Page:
    """What Prometheus reads: the metrics of all processes in multiprocess mode, else those of the registry.

    None is prometheus_client's own registry, which also knows the process and the interpreter. Raises
    `ConfigurationError` where `PROMETHEUS_MULTIPROC_DIR` is no folder.
    """
    if FOLDER in os.environ:
        return Page(generate_latest(_of_all_processes(os.environ[FOLDER])), CONTENT_TYPE_LATEST)
    return Page(generate_latest(registry or REGISTRY), CONTENT_TYPE_LATEST)


def worker_ended(pid: int) -> None:
    """Take a process that has ended out of the gauges, in multiprocess mode; what it has counted stays."""
    if FOLDER in os.environ:
        multiprocess.mark_process_dead(pid)  # type: ignore[no-untyped-call]  # see above


def _of_all_processes(folder: str) -> CollectorRegistry:
    if not Path(folder).is_dir():
        raise ConfigurationError(
            f"{FOLDER}={folder}: there is no such folder; make it, empty, before the processes start"
        )
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry, folder)  # type: ignore[no-untyped-call]  # see above
    return registry
