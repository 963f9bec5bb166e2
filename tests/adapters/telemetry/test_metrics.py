"""Metrics, as Prometheus reads them."""

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from eventkit import App, ConfigurationError, Queue, Reject, Retry
from eventkit.batch import HELD
from eventkit.outcomes import DONE, Deferred, Outcome
from eventkit.streams.slices import Condition
from eventkit.testing import sqs_record
from eventkit_poller.observing import (
    Extended,
    Failed,
    GivenUp,
    Leased,
    Lost,
    Observation,
    QueueState,
    Read,
    Received,
    Settled,
    State,
    Trimmed,
)
from eventkit_telemetry.metrics import PollerMetrics, page
from tests.core.at_once import AtOnce

NOW = 1_700_000_000.0
CHANGE = {"dynamodb": {"ApproximateCreationDateTime": NOW - 4}}
RECORD = {"messageId": "0b9c", "body": "payload"}
ROOT = Path(__file__).parents[3]

jobs = Queue[str]("jobs")


class Watched:
    """Metrics in a registry of their own."""

    def __init__(self, clock: Callable[[], float] = lambda: 0.0) -> None:
        self.registry = CollectorRegistry()
        self.metrics = PollerMetrics(self.registry, clock, lambda: NOW)

    def observe(self, *observations: Observation) -> None:
        for observation in observations:
            self.metrics.observe(observation)

    def value(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(f"eventkit_{name}", labels)


@pytest.fixture
def watched() -> Watched:
    return Watched()


def state_of(in_flight: int = 0, oldest: float = 0.0) -> State:
    return State(serving=True, queues={"jobs": QueueState(in_flight, oldest, failures=0)})


async def test_deliveries_are_counted_and_timed_by_handler() -> None:
    watched = Watched(asyncio.get_running_loop().time)
    app = App("test", middleware=[watched.metrics.middleware])

    @app.on(jobs, name="work")
    async def work(text: str) -> None:
        await asyncio.sleep(2)
        if text != "good":
            raise (Reject("bad") if text == "bad" else ValueError(text))

    async with AtOnce(app) as t:
        for text in ("good", "good", "bad", "late"):
            await t.send(sqs_record(text, "jobs"))

    outcomes = ("done", "retry", "reject")
    assert [watched.value("deliveries_total", handler="work", outcome=one) for one in outcomes] == [2, 1, 1]
    assert watched.value("handler_duration_seconds_sum", handler="work") == 8
    assert watched.value("handler_duration_seconds_bucket", handler="work", le="2.5") == 4
    assert watched.value("handler_duration_seconds_bucket", handler="work", le="1.0") == 0


async def test_a_delivery_that_is_cut_off_is_left_out() -> None:
    watched = Watched(asyncio.get_running_loop().time)
    app = App("test", middleware=[watched.metrics.middleware])

    @app.on(jobs, name="work")
    async def work(_: str) -> None:
        await asyncio.sleep(3600)

    async with AtOnce(app) as t:
        task = asyncio.ensure_future(t.send(sqs_record("one", "jobs")))
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.wait([task])

    assert task.cancelled()
    assert watched.value("handler_duration_seconds_count", handler="work") is None


def test_receives_are_counted_and_timed(watched: Watched) -> None:
    watched.observe(Received("jobs", 10, 0.02), Received("jobs", 3, 0.2), Received("jobs", 0, 20.05))

    assert watched.value("receives_total", queue="jobs", answer="records") == 2
    assert watched.value("receives_total", queue="jobs", answer="empty") == 1
    assert watched.value("records_received_total", queue="jobs") == 13
    assert watched.value("receive_duration_seconds_sum", queue="jobs") == pytest.approx(20.27)


def test_a_long_poll_of_an_empty_queue_has_a_bucket_of_its_own(watched: Watched) -> None:
    watched.observe(Received("jobs", 0, 20.05))

    assert watched.value("receive_duration_seconds_bucket", queue="jobs", le="19.0") == 0
    assert watched.value("receive_duration_seconds_bucket", queue="jobs", le="21.0") == 1


@pytest.mark.parametrize(
    ("outcome", "name"),
    [
        (DONE, "done"),
        (Retry(5), "retry"),
        (Retry(5, error=Deferred()), "deferred"),
        (Reject("a reason"), "reject"),
        (HELD, "released"),
    ],
)
def test_settled_records_are_counted_by_outcome(watched: Watched, outcome: Outcome, name: str) -> None:
    watched.observe(Settled("jobs", RECORD, outcome, 0.5))

    assert watched.value("records_settled_total", queue="jobs", outcome=name) == 1


def test_heartbeats_losses_and_failures_are_counted(watched: Watched) -> None:
    watched.observe(
        Extended("jobs", 3),
        Extended("jobs", 2),
        Lost("jobs", RECORD),
        Failed("jobs", "delete", 10),
        Failed("jobs", "receive", 0),
    )

    assert watched.value("records_extended_total", queue="jobs") == 5
    assert watched.value("records_lost_total", queue="jobs") == 1
    assert watched.value("calls_failed_total", queue="jobs", verb="delete") == 1
    assert watched.value("calls_failed_total", queue="jobs", verb="receive") == 1


def test_the_gauges_follow_the_state(watched: Watched) -> None:
    watched.metrics.refresh(state_of(in_flight=4, oldest=12.5))
    watched.metrics.refresh(state_of(in_flight=3, oldest=0.5))

    assert watched.value("records_in_flight", queue="jobs") == 3
    assert watched.value("oldest_in_flight_age_seconds", queue="jobs") == 0.5


def test_what_has_not_happened_is_counted_as_zero(watched: Watched) -> None:
    watched.observe(Lost("jobs", RECORD))

    watched.metrics.refresh(state_of())

    assert watched.value("records_lost_total", queue="jobs") == 1
    assert watched.value("records_extended_total", queue="jobs") == 0
    assert watched.value("calls_failed_total", queue="jobs", verb="park") == 0
    assert watched.value("records_settled_total", queue="jobs", outcome="reject") == 0


def test_records_that_are_read_and_those_that_are_given_up_are_counted_by_stream(watched: Watched) -> None:
    watched.observe(
        Read("stream:clicks", "a", 10, 0.02, 1.5),
        Read("stream:clicks", "b", 0, 0.02, 0.0),
        GivenUp("stream:clicks", "a", 3, Condition.RETRIES),
        GivenUp("stream:clicks", "b", 2, Condition.AGE),
        Trimmed("stream:clicks", "a", "AFTER 7", "9", NOW),
        Failed("stream:clicks", "read", 0),
        Leased("stream:clicks", "a", "lease.taken"),
        Leased("stream:clicks", "b", "lease.taken"),
    )

    given_up = [
        watched.value("records_given_up_total", stream="stream:clicks", reason=one) for one in ("retries", "age")
    ]
    assert watched.value("records_read_total", stream="stream:clicks") == 10
    assert given_up == [3, 2]
    assert watched.value("stream_gaps_total", stream="stream:clicks") == 1
    assert watched.value("calls_failed_total", queue="stream:clicks", verb="read") == 1
    assert watched.value("leases_total", stream="stream:clicks", event="taken") == 2


def test_the_gauges_of_a_stream_follow_the_state_and_no_label_is_a_shard(watched: Watched) -> None:
    watched.observe(Read("stream:clicks", "shard-a", 1, 0.1, 7.5))

    watched.metrics.refresh(State(serving=True, queues={"stream:clicks": QueueState(3, 1.0, 0, 7.5, 2)}))
    first = [watched.value(name, stream="stream:clicks") for name in ("stream_lag_seconds", "shards_read")]
    watched.metrics.refresh(State(serving=True, queues={"stream:clicks": QueueState(0, 0.0, 0, 0.0, 1)}))
    second = [watched.value(name, stream="stream:clicks") for name in ("stream_lag_seconds", "shards_read")]

    assert (first, second) == ([7.5, 2], [0, 1])
    assert "shard-" not in page(watched.registry).content.decode()


@pytest.mark.parametrize(("outcome", "count"), [(DONE, 1), (Reject("bad"), 1), (Retry(5), None)])
def test_the_age_of_a_streams_record_is_observed_when_it_is_settled(
    watched: Watched, outcome: Outcome, count: int | None
) -> None:
    watched.observe(Settled("table:orders", CHANGE, outcome, 0.5), Settled("jobs", RECORD, outcome, 0.5))

    assert watched.value("record_age_seconds_count", stream="table:orders") == count
    assert watched.value("record_age_seconds_sum", stream="table:orders") == (4 if count else None)
    assert watched.value("record_age_seconds_count", stream="jobs") is None


def test_a_streams_counters_begin_at_zero_and_it_has_none_of_a_queues(watched: Watched) -> None:
    state = State(serving=True, queues={"table:orders": QueueState(0, 0.0, 0, 0.0, 0), "jobs": QueueState(0, 0.0, 0)})

    watched.metrics.refresh(state)

    assert watched.value("records_read_total", stream="table:orders") == 0
    assert watched.value("records_given_up_total", stream="table:orders", reason="age") == 0
    assert watched.value("calls_failed_total", queue="table:orders", verb="read") == 0
    assert watched.value("records_in_flight", queue="table:orders") == 0
    assert watched.value("records_lost_total", queue="table:orders") is None
    assert watched.value("calls_failed_total", queue="table:orders", verb="receive") is None
    assert watched.value("records_read_total", stream="jobs") is None
    assert watched.value("stream_lag_seconds", stream="jobs") is None


def test_no_label_holds_what_came_in(watched: Watched) -> None:
    watched.observe(
        Settled("jobs", RECORD, Reject("a reason"), 0.5),
        Settled("jobs", RECORD, Retry(error=ValueError("a secret")), 0.5),
        Lost("jobs", RECORD),
    )

    text = page(watched.registry).content.decode()

    assert "jobs" in text
    assert [word for word in ("0b9c", "payload", "reason", "secret", "ValueError") if word in text] == []


def test_the_page_is_what_prometheus_reads(watched: Watched) -> None:
    watched.metrics.refresh(state_of(in_flight=4))

    made = page(watched.registry)
    families = {family.name: family.type for family in text_string_to_metric_families(made.content.decode())}

    assert made.content_type.startswith("text/plain; version=")
    assert families["eventkit_records_in_flight"] == "gauge"
    assert families["eventkit_records_lost"] == "counter"
    assert all(name.startswith("eventkit_") for name in families)


def test_every_metric_is_documented_with_its_type(watched: Watched) -> None:
    text = (ROOT / "docs" / "observability.md").read_text("utf-8")

    documented = dict(re.findall(r"^\| `(eventkit_\w+)` \| (\w+) \|", text, re.MULTILINE))
    suffixes = {"counter": "_total"}

    assert documented == {f"{one.name}{suffixes.get(one.type, '')}": one.type for one in watched.registry.collect()}


def test_a_registry_takes_the_metrics_once(watched: Watched) -> None:
    with pytest.raises(ValueError, match="eventkit_deliveries"):
        PollerMetrics(watched.registry)


def python(folder: Path, *arguments: str) -> str:
    """What a process with multiprocess mode writes."""
    environ = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(folder), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, *arguments]
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=True, timeout=60).stdout


def samples_of(text: str) -> Mapping[tuple[str, str], float]:
    """Samples by their name and outcome."""
    families = text_string_to_metric_families(text)
    return {(one.name, one.labels.get("outcome", "")): one.value for family in families for one in family.samples}


def test_processes_share_a_page(tmp_path: Path) -> None:
    read = "import sys; from eventkit_telemetry.metrics import page; sys.stdout.buffer.write(page().content)"
    python(tmp_path, "-m", "tests.adapters.telemetry.worker", "2", "3")
    second = python(tmp_path, "-m", "tests.adapters.telemetry.worker", "5", "1")

    both = samples_of(python(tmp_path, "-c", read))
    python(tmp_path, "-c", f"from eventkit_telemetry.metrics import worker_ended; worker_ended({second})")
    one = samples_of(python(tmp_path, "-c", read))

    assert both["eventkit_records_settled_total", "done"] == one["eventkit_records_settled_total", "done"] == 7
    assert (both["eventkit_records_in_flight", ""], one["eventkit_records_in_flight", ""]) == (4, 3)
    assert both["eventkit_oldest_in_flight_age_seconds", ""] == one["eventkit_oldest_in_flight_age_seconds", ""] == 30


def test_a_folder_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path / "gone"))

    with pytest.raises(ConfigurationError, match=r"PROMETHEUS_MULTIPROC_DIR=.*gone: there is no such folder"):
        page()


def test_without_prometheus_client_the_error_says_what_to_install() -> None:
    code = "import sys; sys.modules['prometheus_client'] = None; import eventkit_telemetry.metrics"

    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert "MissingExtraError" in result.stderr
    assert "'eventkit-aws[metrics]'" in result.stderr
