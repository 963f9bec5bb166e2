"""What happens in a simulated run, all of it drawn from one seed. Pure."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import Literal, TypeVar

from eventkit_poller import Settings

__all__ = ["SLOW", "Faults", "Job", "Kind", "Life", "QueuePlan", "Scenario", "Step", "scenario_of"]

T = TypeVar("T")

Kind = Literal[
    "done",
    "fail",
    "retry",
    "reject",
    "hang",
    "swallow",
    "stubborn",
    "spiteful",
    "cancelled",
    "exit",
    "interrupt",
    "leak",
    "block",
]
"""What a handler does; the words are explained where it is done, in `handlers`."""

How = Literal["stop", "cancel", "kill"]
"""How a process ends: it is told to stop, its task is cancelled, or it is gone from one moment to the next."""

SLOW = 10
"""How many times the usual time a slow call takes."""


@dataclass(frozen=True, slots=True)
class Step:
    """What the handler does with a message at one attempt: after so many seconds, or for so many."""

    kind: Kind
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Job:
    """A message: when it is sent, and what its handler does at each attempt; after these it is done at once.

    With `for_ever` the last step is repeated. A `poison` has a body that cannot be decoded.
    """

    number: int
    queue: str
    group: str | None
    at: float
    steps: tuple[Step, ...] = ()
    for_ever: bool = False
    poison: bool = False

    @property
    def place(self) -> tuple[str, str | None]:
        """What it keeps its order within, on a FIFO queue."""
        return self.queue, self.group

    @property
    def body(self) -> str:
        return f"poison {self.number}" if self.poison else str(self.number)

    def step(self, attempt: int) -> Step:
        """What is done at an attempt, counted from 0."""
        if attempt < len(self.steps):
            return self.steps[attempt]
        return self.steps[-1] if self.for_ever else Step("done")


@dataclass(frozen=True, slots=True)
class QueuePlan:
    """A queue, and the liberties that it takes where it is a standard one.

    `duplicates` is how likely a message in flight is delivered again by any receive; `lenient` says that a stale
    receipt handle still works, and that deleting what is gone is no failure.
    """

    name: str
    visibility: float
    max_receives: int
    duplicates: float = 0.0
    reorder: bool = False
    lenient: bool = False

    @property
    def fifo(self) -> bool:
        return self.name.endswith(".fifo")

    @property
    def dead_letter(self) -> str:
        return f"dead-{self.name}"


@dataclass(frozen=True, slots=True)
class Faults:
    """How the service fails, before `until`; afterwards it is well. Rates are the parts of all calls.

    `slow` are calls that take much longer than the `latency`, `before` errors instead of an effect, `after` errors
    although it happened, `hang` calls that do not answer for long, or never, `partial` the entries of a batch that
    fail. In an outage, from one moment to another, all calls fail.
    """

    until: float
    latency: float = 0.0
    slow: float = 0.0
    before: float = 0.0
    after: float = 0.0
    hang: float = 0.0
    partial: float = 0.0
    outages: tuple[tuple[float, float], ...] = ()

    @property
    def longest(self) -> float:
        """Seconds from a call to its effect at most, where it has one."""
        return self.latency * (SLOW if self.slow else 1)

    def is_out(self, now: float) -> bool:
        """Whether there is an outage."""
        return any(begin <= now < end for begin, end in self.outages)


@dataclass(frozen=True, slots=True)
class Life:
    """A poller's process: how and when it ends, and so many seconds after a stop it is told to `again`."""

    name: str
    settings: Settings
    begin: float
    end: float
    how: How = "stop"
    again: float = inf


@dataclass(frozen=True, slots=True)
class Scenario:
    """A run. In a `calm` one nothing fails but handlers, so each message is done once."""

    seed: int
    calm: bool
    queues: tuple[QueuePlan, ...]
    jobs: tuple[Job, ...]
    lives: tuple[Life, ...]
    faults: Faults

    @property
    def visibility(self) -> float:
        """The queues' visibility timeout in seconds."""
        return self.queues[0].visibility


NAMES = ("a", "b.fifo", "c", "d.fifo")
RATES = ("slow", "before", "after", "hang", "partial")
PATIENCE = 60.0
"""Seconds that are longer than any visibility timeout."""

ENDS: tuple[How, ...] = ("stop", "stop", "cancel", "kill")
CALM: Mapping[Kind, float] = {"done": 6, "fail": 1, "retry": 1, "reject": 0.3}
COMMON: Mapping[Kind, float] = {
    "done": 8,
    "fail": 2,
    "retry": 3,
    "reject": 1,
    "hang": 0.5,
    "stubborn": 0.5,
    "cancelled": 0.5,
    "leak": 0.3,
    "block": 0.3,
    "swallow": 0.2,
    "spiteful": 0.2,
    "exit": 0.2,
    "interrupt": 0.2,
}
"""How often handlers do what."""

LONGEST: Mapping[Kind, float] = {"done": 3.0, "stubborn": 0.5, "spiteful": 0.5, "block": 1.5, "leak": 0.1}
"""For how many visibility timeouts they do it, at most; for one where nothing is said."""


def scenario_of(seed: int) -> Scenario:
    """The scenario of a seed: the same in each process."""
    return _Dice(seed).scenario()


class _Dice:
    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._random = random.Random(seed)  # noqa: S311 - a simulation has to be repeatable
        self._calm = self._chance(0.25)
        self._visibility = self._one_of(1.0, 2.0, 5.0, 30.0, 60.0)
        self._span = self._visibility * self._between(1.0, 4.0)

    def scenario(self) -> Scenario:
        queues = tuple(map(self._queue, self._random.sample(NAMES, self._one_of(1, 1, 2))))
        faults = Faults(self._span, self._one_of(0.0, 0.001, 0.02)) if self._calm else self._faults()
        jobs = tuple(self._job(number, self._one_of(*queues)) for number in range(self._random.randint(1, 12)))
        lives = tuple(self._life(f"p{number}", len(queues)) for number in range(self._one_of(1, 1, 2, 2, 3)))
        return Scenario(self._seed, self._calm, queues, jobs, lives, faults)

    def _chance(self, part: float) -> bool:
        return self._random.random() < part

    def _between(self, least: float, most: float) -> float:
        return round(self._random.uniform(least, most), 3)

    def _one_of(self, *values: T) -> T:
        return self._random.choice(values)

    def _queue(self, name: str) -> QueuePlan:
        if self._calm or name.endswith(".fifo"):
            return QueuePlan(name, self._visibility, self._random.randint(4, 8))
        liberties = self._one_of(0.0, 0.0, 0.1, 0.3), self._chance(0.5), self._chance(0.5)
        return QueuePlan(name, self._visibility, self._random.randint(2, 6), *liberties)

    def _faults(self) -> Faults:
        rates = {rate: self._one_of(0.05, 0.3) for rate in RATES if self._chance(0.4)}
        if "hang" in rates:
            rates["hang"] = min(rates["hang"], 0.1)
        latency = self._visibility * (0.5 if self._chance(0.05) else self._one_of(0.0, 0.001, 0.01, 0.05))
        outages = (self._outage(),) if self._chance(0.4) else ()
        if outages:
            self._span = max(self._span, outages[0][1] + self._between(0.0, 30.0))
        return Faults(self._span, latency, **rates, outages=outages)

    def _outage(self) -> tuple[float, float]:
        begin = self._between(0.0, self._span)
        seconds = self._visibility * self._between(0.1, 2.0)
        return begin, begin + seconds + (PATIENCE if self._chance(0.3) else 0.0)

    def _job(self, number: int, queue: QueuePlan) -> Job:
        at = self._between(0.0, self._span / 2) if self._chance(0.4) else 0.0
        group = self._one_of("x", "y") if queue.fifo else None
        steps = tuple(self._step() for _ in range(self._one_of(0, 1, 1, 2, 3)))
        lasting = bool(steps) and not self._calm and self._chance(0.1)
        return Job(number, queue.name, group, at, steps, lasting, self._chance(0.05))

    def _step(self) -> Step:
        weights = CALM if self._calm else COMMON
        (kind,) = self._random.choices(tuple(weights), tuple(weights.values()))
        most = LONGEST.get(kind, 1.0) * self._visibility
        return Step(kind, self._between(0.001, most) if self._chance(0.5) else self._between(0.001, 0.05))

    def _life(self, name: str, queues: int) -> Life:
        begin = self._between(0.0, self._span / 2) if self._chance(0.3) else 0.0
        end = self._between(begin, self._span) if self._chance(0.6) else self._span
        how = "stop" if self._calm else self._random.choice(ENDS)
        again = self._between(0.0, 5.0) if how == "stop" and not self._calm and self._chance(0.3) else inf
        return Life(name, self._settings(queues), begin, end, how, again)

    def _settings(self, queues: int) -> Settings:
        return Settings(
            concurrency=self._random.randint(queues, 12),
            wait=self._one_of(1.0, 5.0, 20.0, 20.0, 20.0),
            batch=self._one_of(1, 3, 10, 10),
            linger=self._one_of(0.0, 0.05, 1.0),
            drain=self._one_of(0.0, 0.1, 5.0, 30.0),
            flush=self._one_of(0.5, 2.0, 5.0),
            visibility=self._between(1.0, 60.0) if self._chance(0.15) and not self._calm else None,
            hold=3600.0 if self._calm else max(1.0, self._visibility * self._between(0.5, 8.0)),
        )
