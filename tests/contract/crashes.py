"""Processes that are killed, or frozen, in the middle of idempotent work, on a real Redis.

    python -m tests.contract.crashes --rounds 100

In each round a process dies (SIGKILL) at each of `POINTS`, and the same message is delivered again until it is done.
Another is stopped (SIGSTOP) after its effect, and goes on when its successor is done. An effect is a byte in a file.
"""

import argparse
import asyncio
import json
import os
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from eventkit import Done, Idempotent, Names, Outcome, Retry
from eventkit.dispatch import Wiring, open_dispatcher
from eventkit.execution import Environment
from eventkit.stores import Claimed, Claiming, Finished, IdempotencyStore, InProgress, open_store
from eventkit.testing import sqs_record
from tests.contract.crowd import app_of
from tests.contract.redis_server import start_redis
from tests.core.harness import AtOnce

LEASE = 0.2
"""Seconds."""

POINTS = (
    "before the claim",
    "after the claim",
    "before the effect",
    "after the effect",
    "after completing",
    "releasing",
)
EFFECT = frozenset({"after the effect"})
"""Where a crash leaves an effect that nobody knows of."""

DONE, RETRIED = 0, 1
"""How a process ends that is not killed."""


@dataclass
class Deadly:
    """A store that calls `at` with the names of the points that are passed."""

    store: IdempotencyStore
    at: Callable[[str], None]

    async def claim(self, key: str, claiming: Claiming) -> Claimed | InProgress | Finished:
        self.at("before the claim")
        found = await self.store.claim(key, claiming)
        self.at("after the claim")
        return found

    async def renew(self, key: str, owner: str, lease: float) -> bool:
        return await self.store.renew(key, owner, lease)

    async def complete(self, key: str, owner: str, ttl: float) -> bool:
        kept = await self.store.complete(key, owner, ttl)
        self.at("after completing")
        return kept

    async def release(self, key: str, owner: str) -> bool:
        self.at("releasing")
        return await self.store.release(key, owner)


@dataclass
class Figures:
    """Over all rounds, by the point of the crash: how often the effect was there, and seconds until it was done."""

    effects: dict[str, Counter[int]] = field(default_factory=dict[str, Counter[int]])
    longest: dict[str, float] = field(default_factory=dict[str, float])
    resumed: Counter[int] = field(default_factory=Counter[int])
    """How the processes ended that were frozen: 1 is a retry, so nothing was overwritten."""
    overwritten: int = 0

    def note(self, point: str, effects: int, seconds: float) -> None:
        self.effects.setdefault(point, Counter())[effects] += 1
        self.longest[point] = round(max(self.longest.get(point, 0.0), seconds), 2)


async def deliver(url: str, key: str, effects: Path, at: Callable[[str], None]) -> Outcome:
    """One delivery of the message whose text is the key."""

    async def work(_text: str) -> None:
        at("before the effect")
        with effects.open("ab") as file:
            file.write(b".")
        at("after the effect")

    environment = Environment(AtOnce(), lambda: 0.0)
    idempotent = Idempotent[str](key=lambda text: text, in_progress=LEASE)
    async with open_store(url) as store:
        wiring = Wiring(Names("crowd"), None, Deadly(store, at))
        async with open_dispatcher(app_of(work, idempotent), environment, wiring) as run:
            return await run.handle(sqs_record(key, "jobs"))


def fork(url: str, key: str, effects: Path, at: Callable[[str], None]) -> int:
    """Start a process for one delivery; gives its id."""
    child = os.fork()
    if child:
        return child
    code = RETRIED
    try:
        code = DONE if asyncio.run(deliver(url, key, effects, at)) == Done() else RETRIED
    finally:
        os._exit(code)


def dying(point: str) -> Callable[[str], None]:
    """Kill this process at the point; at `releasing` the handler has failed before."""

    def at(passed: str) -> None:
        if passed == point:
            os.kill(os.getpid(), signal.SIGKILL)
        if point == "releasing" and passed == "before the effect":
            raise Retry(after=0)

    return at


def stopping(passed: str) -> None:
    """Stop this process after its effect."""
    if passed == "after the effect":
        os.kill(os.getpid(), signal.SIGSTOP)


def redeliver(url: str, key: str, effects: Path) -> None:
    """Deliver until it is done, as late as each outcome wants."""
    while True:
        outcome = asyncio.run(deliver(url, key, effects, lambda _: None))
        if not isinstance(outcome, Retry):
            assert outcome == Done(), outcome
            return
        time.sleep(outcome.after or 0.0)


def crash(url: str, folder: Path, number: int, figures: Figures) -> None:
    for point in POINTS:
        key = f"{number} {point}"
        effects = folder / key
        effects.touch()
        child = fork(url, key, effects, dying(point))
        _, status = os.waitpid(child, 0)
        assert os.WTERMSIG(status) == signal.SIGKILL, (point, status)
        began = time.monotonic()
        redeliver(url, key, effects)
        figures.note(point, effects.stat().st_size, time.monotonic() - began)


def freeze(url: str, folder: Path, number: int, figures: Figures) -> None:
    key = f"{number} frozen"
    effects = folder / key
    effects.touch()
    child = fork(url, key, effects, stopping)
    os.waitpid(child, os.WUNTRACED)
    redeliver(url, key, effects)
    before = effects.stat().st_size
    os.kill(child, signal.SIGCONT)
    _, status = os.waitpid(child, 0)
    figures.resumed[os.waitstatus_to_exitcode(status)] += 1
    redeliver(url, key, effects)
    figures.overwritten += effects.stat().st_size != before  # what was finished would be done again


def run(url: str, rounds: int) -> Figures:
    figures = Figures()
    with tempfile.TemporaryDirectory() as folder:
        for number in range(rounds):
            crash(url, Path(folder), number, figures)
            freeze(url, Path(folder), number, figures)
    return figures


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=100)
    with start_redis() as redis:
        print(json.dumps(vars(run(redis, parser.parse_args().rounds))))  # noqa: T201 - its result
