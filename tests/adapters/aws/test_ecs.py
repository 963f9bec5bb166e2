"""A task of ECS is protected while it is busy: the decision, and the calls of the agent."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from eventkit import ConfigurationError
from eventkit_aws.ecs import SAMPLE, Protection, Rules, Timing, scale_in_protection

PROTECT = {"ProtectionEnabled": True, "ExpiresInMinutes": 10}
RELEASE = {"ProtectionEnabled": False}

looks = st.lists(st.tuples(st.integers(0, 2), st.booleans()), max_size=400)
"""What is in flight at each look, a second apart, and whether the agent does what it is asked to then."""

rules = st.builds(Rules, expiry=st.integers(1, 5), idle=st.none() | st.floats(0, 60), pause=st.floats(0, 15))


@dataclass
class Task:
    """A task of ECS as AWS sees it, and every call with its time."""

    rules: Rules
    until: float = -1.0
    calls: list[tuple[float, bool]] = field(default_factory=list[tuple[float, bool]])

    def play(self, script: Sequence[tuple[int, bool]]) -> list[tuple[float, bool, bool]]:
        """The time of each look, whether something was in flight then, and whether the task is protected after it."""
        protection, story = Protection(self.rules), list[tuple[float, bool, bool]]()
        for now, (in_flight, works) in enumerate(script):
            protection = protection.seen(in_flight, now)
            wanted = protection.due(now)
            if wanted is not None:
                self.calls.append((now, wanted))
                protection = protection.asked(wanted, works, now)
                if works:
                    self.until = now + self.rules.expiry * 60 if wanted else now
            story.append((now, in_flight > 0, self.until > now))
        return story


@given(rules, looks)
def test_the_agent_is_not_asked_more_often_than_once_in_a_pause(rules: Rules, script: list[tuple[int, bool]]) -> None:
    task = Task(rules)

    task.play(script)

    times = [now for now, _ in task.calls]
    assert all(later - earlier >= rules.pause for earlier, later in pairwise(times))


@given(rules, looks)
def test_protection_is_never_given_up_while_the_task_is_busy_or_was_a_moment_ago(
    rules: Rules, script: list[tuple[int, bool]]
) -> None:
    task = Task(rules)

    story = task.play(script)

    for now, wanted in task.calls:
        busy = [at for at, is_busy, _ in story if is_busy and at <= now]
        assert wanted or (rules.idle is not None and busy and now - busy[-1] > rules.idle)


@given(rules, looks)
def test_a_task_that_stays_busy_is_protected_after_a_pause_at_the_latest(
    rules: Rules, script: list[tuple[int, bool]]
) -> None:
    task = Task(rules)

    story = task.play([(in_flight, True) for in_flight, _ in script])

    length = int(rules.pause) + 2
    for start in range(len(story) - length + 1):
        window = story[start : start + length]
        assert not all(busy for _, busy, _ in window) or window[-1][2]


@given(rules, looks)
def test_an_idle_task_is_protected_no_more_in_the_end(rules: Rules, script: list[tuple[int, bool]]) -> None:
    task = Task(rules)
    enough = int((rules.idle or 0) + rules.pause + rules.expiry * 60) + 3

    story = task.play([*script, *[(0, True)] * enough])

    assert not story[-1][2]


@given(st.integers(0, 600))
def test_a_task_that_is_busy_all_the_time_asks_once_and_renews_in_half_of_the_expiry(seconds: int) -> None:
    task = Task(Rules(expiry=10))

    task.play([(1, True)] * (seconds + 1))

    assert task.calls == [(at, True) for at in range(0, seconds + 1, 300)]


def test_a_queue_with_gaps_between_its_messages_is_one_spell_of_work() -> None:
    task = Task(Rules(idle=30))

    task.play([(1, True), *[(0, True)] * 29] * 4 + [(0, True)] * 60)

    assert task.calls == [(0, True), (121, False)]


def test_processes_that_share_a_task_leave_the_end_to_the_expiry() -> None:
    task = Task(Rules(idle=None))

    task.play([(1, True)] * 2 + [(0, True)] * 900)

    assert task.calls == [(0, True)]


def test_a_call_that_failed_may_have_had_its_effect_and_is_taken_back() -> None:
    protection = Protection().seen(1, 0).asked(wanted=True, done=False, now=0)

    assert (protection.due(9), protection.due(10), protection.due(31)) == (None, True, False)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [({"expiry": 0}, "expiry=0: it must be from 1"), ({"pause": 151}, "pause=151: it must be from 0 to a quarter")],
    ids=str,
)
def test_rules_that_cannot_be_are_refused(wrong: dict[str, int], sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        Rules(**wrong)


class Agent:
    """The agent of ECS on this machine: it answers from a script, the last answer for good."""

    def __init__(self, *answers: tuple[int, Any]) -> None:
        self.asked: list[Any] = []
        self._answers = list(answers)

    async def answer(self, request: web.Request) -> web.Response:
        assert (request.method, request.path) == ("PUT", "/api/1/task-protection/v1/state")
        self.asked.append(await request.json())
        status, body = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return web.json_response(body, status=status)


@asynccontextmanager
async def served(agent: Agent) -> AsyncGenerator[dict[str, str]]:
    """Serve the agent, and give the environment of a task beside it."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", agent.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port, *_ = runner.addresses[0]
        yield {"ECS_AGENT_URI": f"http://{host}:{port}/api/1"}
    finally:
        await runner.cleanup()


class Looks:
    """A clock that goes on with every sleep, until there have been so many."""

    def __init__(self, count: int) -> None:
        self.now = 0.0
        self.over = asyncio.Event()
        self._end = count * SAMPLE

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        if self.now >= self._end:
            self.over.set()
            await asyncio.Event().wait()

    @property
    def timing(self) -> Timing:
        return Timing(lambda: self.now, self.sleep)


async def watch(environ: dict[str, str], in_flight: Callable[[float], int], count: int) -> None:
    """So many looks, at what is in flight at a moment."""
    looks = Looks(count)
    async with scale_in_protection(lambda: in_flight(looks.now), environ=environ, timing=looks.timing):
        await asyncio.wait_for(looks.over.wait(), 60)


async def test_the_agent_is_told_when_work_begins_and_when_it_has_been_over_for_some_time() -> None:
    agent = Agent((200, {"protection": {}}))

    async with served(agent) as environ:
        await watch(environ, lambda now: 3 if 5 <= now < 8 else 0, 60)

    assert agent.asked == [PROTECT, RELEASE]


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (200, {"failure": {"Arn": "…", "Reason": "DEPLOYMENT_BLOCKED", "Detail": "…"}}, "DEPLOYMENT_BLOCKED"),
        (400, {"error": {"Arn": "…", "Code": "AccessDeniedException", "Message": "…"}}, "AccessDeniedException"),
        (500, ["protection"], "status 500"),
        (500, {"protection": {}}, "status 500"),
    ],
)
async def test_what_the_agent_refuses_is_logged_and_asked_for_again_after_a_pause(
    status: int, body: object, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    agent = Agent((status, body), (200, {"protection": {}}))

    async with served(agent) as environ:
        await watch(environ, lambda _: 1, 20)

    assert agent.asked == [PROTECT, PROTECT]
    [warning] = [record for record in caplog.records if record.levelno >= logging.WARNING]
    facts = vars(warning)
    assert (warning.message, facts["wanted"], facts["reason"]) == ("protection.failed", True, reason)


async def test_work_goes_on_where_the_agent_cannot_be_reached(caplog: pytest.LogCaptureFixture) -> None:
    async with served(Agent((200, {}))) as environ:
        pass

    await watch(environ, lambda _: 1, 15)

    assert [vars(record)["reason"] for record in caplog.records] == ["ClientConnectorError"] * 2


async def test_outside_of_ecs_nothing_is_looked_at() -> None:
    looked: list[int] = []

    async with scale_in_protection(lambda: len(looked), environ={}):
        await asyncio.sleep(0)
        tasks = asyncio.all_tasks()

    assert tasks == {asyncio.current_task()}


async def test_nothing_is_left_behind_when_the_context_ends() -> None:
    await watch({"ECS_AGENT_URI": "http://127.0.0.1:1"}, lambda _: 1, 3)

    assert asyncio.all_tasks() == {asyncio.current_task()}
