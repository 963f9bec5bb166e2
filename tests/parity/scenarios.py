"""What is put into a queue, and what its handlers do with it: data, the same for every runtime.

The scenarios that `eventkit.testing.parity` makes of any app come besides; these are of one app that is made for them.

A message says itself what its handler does, attempt by attempt; the last step is repeated. The steps are `done`,
`retry` and `retry 7`, `error`, `exit` and `reject`.
"""

from dataclasses import dataclass
from json import dumps
from math import inf

from pydantic import BaseModel

from eventkit import Queue
from eventkit.testing import Queues, s3_event, s3_record, sns_envelope
from eventkit.testing.entrance import Entrance
from eventkit.testing.parity import Fault, Scenario

__all__ = ["PLAYS", "Job", "Play", "Sent", "Stranger", "sent"]


class Job(BaseModel):
    """A message; `audit` is what the second handler does where there is one."""

    id: str
    steps: list[str]
    group: str | None = None
    audit: list[str] = ["done"]


class Stranger(BaseModel):
    """A message of another kind on the same queue."""

    stranger: str
    steps: list[str] = ["done"]


@dataclass(frozen=True)
class Sent:
    """A message in the queue."""

    text: str
    group: str | None = None


@dataclass(frozen=True)
class Play:
    """What happens."""

    name: str
    messages: tuple[Sent, ...]
    fifo: bool = False
    dead_letter: bool = True
    max_receives: int = 100
    timeout: float | None = None
    concurrency: int | None = None
    audited: bool = False
    publishes: bool = False
    narrow: bool = False
    """Whether the handler takes jobs alone, so that nobody takes strangers."""
    fallback: bool = False
    idempotent: bool = False
    faults: tuple[Fault, ...] = ()

    @property
    def queue(self) -> str:
        return "jobs.fifo" if self.fifo else "jobs"

    @property
    def scenario(self) -> Scenario:
        """The same for the suite. After 99.7 s nothing is about to happen."""
        queues = Queues(visibility=30, max_receives=self.max_receives, dead_letters=self.dead_letter)
        return Scenario(self.name, self.arrange, self.faults, queues, lasts=99.7)

    def arrange(self, t: Entrance) -> None:
        for one in self.messages:
            t.put(Queue[str](self.queue), one.text, group=one.group)


def sent(identity: str, steps: str = "done", group: str | None = None, audit: str = "done") -> Sent:
    """A job; `steps` stand between commas."""
    return Sent(Job(id=identity, steps=steps.split(","), group=group, audit=audit.split(",")).model_dump_json(), group)


def stranger(name: str, steps: str = "done") -> Sent:
    return Sent(Stranger(stranger=name, steps=steps.split(",")).model_dump_json())


def photos(*keys: str) -> Sent:
    """The notifications of these objects, by way of a topic."""
    records = [s3_record("ObjectCreated:Put", "photos", key, number=number) for number, key in enumerate(keys, 1)]
    return Sent(dumps(sns_envelope(s3_event(*records), "feed")))


def group(name: str, *steps: str) -> tuple[Sent, ...]:
    return tuple(sent(f"{name}{number}", step, name) for number, step in enumerate(steps, 1))


POISON = (Sent("{"), Sent('{"id": 5, "steps": "x"}'), Sent("null"), Sent('"CANARY"'), sent("good"))

HANG = Fault(2, (inf,))
"""The second message's first call lasts until it is cut off."""

PLAYS = (
    Play("success", (sent("a"), sent("b"))),
    Play("more than a batch", tuple(sent(f"n{number:02}") for number in range(23))),
    Play("retry with a delay", (sent("a", "retry 7,retry 0,retry 40,done"), sent("b"))),
    Play("retry that leaves the delay to the route", (sent("a", "retry,retry,done"),)),
    Play("retry by exception with backoff", (sent("a", "error,error,error,error,done"), sent("b"))),
    Play("retry beyond a visibility timeout", (sent("a", "retry 75,done"),)),
    Play("retry until the queue has enough", (sent("a", "error"), sent("b", "error,done")), max_receives=3),
    Play("reject", (sent("a", "reject"), sent("b"), sent("c", "retry 3,reject"))),
    Play("reject without a dead-letter queue", (sent("a", "reject,done"),), dead_letter=False),
    Play("poison", POISON),
    Play("poison without a dead-letter queue", POISON, dead_letter=False),
    Play("poison in a group", (*group("g", "done"), Sent("{", "g"), *group("h", "done")), fifo=True),
    Play("unmatched message", (stranger("x"), sent("a")), narrow=True),
    Play("unmatched notification", (photos("elsewhere/done/a.jpg"), sent("a"))),
    Play("unmatched object beside a matched one", (photos("elsewhere/done/a.jpg", "uploads/retry 5,done/b"),)),
    Play(
        "unmatched message with a handler for it",
        (stranger("x"), stranger("y", "retry 4,done"), stranger("z", "reject"), sent("a")),
        narrow=True,
        fallback=True,
    ),
    Play("unmatched notification with a handler for it", (photos("elsewhere/reject/a.jpg"),), fallback=True),
    Play("two objects in one message, one failing", (photos("uploads/done/a", "uploads/retry 9,error,done/b"),)),
    Play("two objects in one message, one rejected", (photos("uploads/reject/a", "uploads/done/b"),)),
    Play("two objects, one rejected and one to retry", (photos("uploads/reject/a", "uploads/retry 2,done/b"),)),
    Play("several routes", (sent("a"),), audited=True),
    Play("several routes, one failing", (sent("a", audit="retry 6,error,done"), sent("b", "error,done")), audited=True),
    Play("several routes, one rejecting", (sent("a", "done", audit="reject"),), audited=True),
    Play("several routes, both failing", (sent("a", "retry 3,done", audit="retry 8,done"),), audited=True),
    Play("what a handler returns", (sent("a"), sent("b", "retry 3,done")), publishes=True),
    Play("timeout", (sent("b"), sent("a")), timeout=10, faults=(HANG,)),
    Play("timeout in a group", group("g", "done", "done", "done"), fifo=True, timeout=10, faults=(HANG,)),
    Play("groups", (*group("g", "done", "done"), *group("h", "done", "done")), fifo=True),
    Play(
        "groups with a failure in the middle",
        (*group("g", "done", "retry 11,error,done", "done", "done"), *group("h", "done", "done")),
        fifo=True,
    ),
    Play(
        "groups with failures in each, side by side",
        (*group("g", "retry 11,done", "retry 4,done"), *group("h", "done", "retry 3,done", "done")),
        fifo=True,
        concurrency=30,
    ),
    Play("reject in the middle of a group", group("g", "done", "reject", "done"), fifo=True),
    Play(
        "reject in the middle of a group without a dead-letter queue",
        group("g", "done", "reject,done", "done"),
        fifo=True,
        dead_letter=False,
    ),
    Play("a group that is longer than a batch", group("g", *["done"] * 6, "retry 2,done", *["done"] * 8), fifo=True),
    Play(
        "partial batch",
        tuple(
            sent(f"n{number}", step) for number, step in enumerate(["done", "error,done", "reject", "retry 5,done"] * 3)
        ),
    ),
    Play("idempotent duplicates", (sent("a"), sent("b"), sent("a"), sent("a")), idempotent=True),
    Play(
        "idempotent duplicates, the first failing",
        (sent("a", "retry 3,done"), sent("b"), sent("a", "retry 3,done")),
        idempotent=True,
    ),
    Play("exit", (sent("a", "exit,done"), sent("b"))),
    Play("side by side", tuple(sent(f"n{n}", "retry 2,done") for n in range(12)), concurrency=3),
)
