"""Every contender does the same work; else nothing of what is measured would mean anything."""

import json
import signal
import subprocess
from collections.abc import Iterator

import pytest

from benchmarks import cold
from benchmarks.contenders import Contender, Context, opened
from benchmarks.dispatch import results
from benchmarks.environment import LAMBDA, ROOT
from benchmarks.payloads import Order
from benchmarks.scenarios import Scenario, scenarios
from benchmarks.sections import SECTIONS
from eventkit import Retry

SCENARIOS = scenarios()
PAIRS = [pytest.param(s, c, id=f"{s.key}: {c.name}") for s in SCENARIOS for c in s.contenders]
ISOLATING = [pytest.param(s, c, id=f"{s.key}: {c.name}") for s in SCENARIOS for c in s.contenders if c.isolates]

peers = pytest.mark.skipif(
    not LAMBDA.is_ready(), reason="the environment with the peers is made by `python -m benchmarks`"
)


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    """Give back the signals that `LambdaHandler` takes: the process is pytest's."""
    taken = (signal.SIGALRM, signal.SIGTERM)
    before = [signal.getsignal(number) for number in taken]
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    for number, handler in zip(taken, before, strict=True):
        signal.signal(number, handler)


@pytest.mark.parametrize(("scenario", "contender"), PAIRS)
def test_a_contender_ends_with_what_the_first_one_ends_with(scenario: Scenario, contender: Contender) -> None:
    expected = results(scenario.contenders[0], scenario)

    found = results(contender, scenario)

    assert len(expected) == len(scenario.event["Records"])
    assert found == expected


@pytest.mark.parametrize(("scenario", "contender"), PAIRS)
def test_a_contender_leaves_the_event_as_it_was(scenario: Scenario, contender: Contender) -> None:
    before = json.dumps(scenario.event)

    results(contender, scenario)

    assert json.dumps(scenario.event) == before


@pytest.mark.parametrize(("scenario", "contender"), ISOLATING)
def test_a_failing_record_is_reported_and_its_neighbours_are_handled(scenario: Scenario, contender: Contender) -> None:
    failing = len(scenario.event["Records"]) - 1
    handled: list[int] = []

    def take(order: Order) -> None:
        if order.id == failing:
            raise Retry(after=0)
        handled.append(order.id)

    with opened(contender, take) as invoke:
        response = invoke(scenario.event, Context())

    assert handled == list(range(failing))
    assert response == {"batchItemFailures": [{"itemIdentifier": scenario.event["Records"][failing]["messageId"]}]}


def test_every_scenario_is_reported() -> None:
    of_processes = {"cold", "poller", "poller_growth", "streams_table", "streams_stream"}
    assert {section.key for section in SECTIONS} == {scenario.key for scenario in SCENARIOS} | of_processes


@peers
def test_the_peers_do_the_same_work_and_every_target_compares_rows_that_exist() -> None:
    command = (LAMBDA.python, "-m", "benchmarks.dispatch", "0")

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.stderr == ""
    rows: dict[str, dict[str, object]] = json.loads(done.stdout)["samples"]
    rows["cold"] = {process.name: [] for process in cold.PROCESSES}
    for section in (section for section in SECTIONS if section.key in rows):
        wanted = {section.baseline, *(name for target in section.targets for name in (target.row, target.against))}
        assert wanted <= rows[section.key].keys()
