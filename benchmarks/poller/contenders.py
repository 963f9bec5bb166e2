"""Who consumes the stub's queues, and with which messages."""

import importlib.util
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.environment import NODE as NODE_ENVIRONMENT
from benchmarks.environment import TASKIQ as TASKIQ_ENVIRONMENT
from benchmarks.environment import Unavailable
from benchmarks.sections import LOOP, LOOP_TYPED, NODE, POLLER, POLLER_TEXT, POLLER_UVLOOP, SOCKETS, TASKIQ, THREADS

__all__ = ["BODY", "Contender", "ours", "peers"]

FOLDER = Path(__file__).parent / "consumers"
ORDER = {"id": 1, "customer": "Ada", "total": 9.5, "items": ["pen", "ink"], "paid": True}
BODY = json.dumps(ORDER)

TASK: dict[str, object] = {"task_id": "f1d2d2f924e986ac86fdf7b36c94bcdf", "task_name": "on_order", "labels": {}}
TASK_BODY = json.dumps({**TASK, "args": [ORDER], "kwargs": {}})
"""The order as taskiq sends it."""


@dataclass(frozen=True, slots=True)
class Contender:
    """A row: the process that consumes, which gets the endpoint and the queue's name, then `options`.

    `warm` is how many messages it consumes before it is measured.
    """

    name: str
    queue: str
    program: tuple[str | Path, ...]
    options: tuple[str, ...] = ()
    body: str = BODY
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    warm: int = 500

    def command(self, endpoint: str) -> tuple[str | Path, ...]:
        """What is run."""
        return (*self.program, endpoint, self.queue, *self.options)


def ours() -> list[Contender]:
    """Those that run in this environment."""
    by_hand, poller = _python("by_hand"), _python("with_eventkit")
    found = [
        Contender(SOCKETS, "sockets", _python("bare_sockets")),
        Contender(LOOP, "loop", by_hand),
        Contender(LOOP_TYPED, "loop-typed", by_hand, ("typed",)),
        Contender(THREADS, "threads", _python("with_threads")),
        Contender(POLLER, "poller", poller),
        Contender(POLLER_TEXT, "poller-text", poller, ("asyncio", "text")),
    ]
    if importlib.util.find_spec("uvloop"):
        found.append(Contender(POLLER_UVLOOP, "poller-uvloop", poller, ("uvloop",)))
    return found


def peers() -> tuple[list[Contender], list[str]]:
    """Those with an environment of their own, and a sentence for each that cannot be had."""
    found: list[Contender] = []
    left_out: list[str] = []
    for contender, environment in ((_taskiq(), TASKIQ_ENVIRONMENT), (_node(), NODE_ENVIRONMENT)):
        try:
            environment.make()
            found.append(contender)
        except Unavailable as reason:
            left_out.append(f"{contender.name} is left out: {reason}")
    return found, left_out


def _taskiq() -> Contender:
    program = _python("with_taskiq", TASKIQ_ENVIRONMENT.python)
    return Contender(TASKIQ, "taskiq", program, body=TASK_BODY)


def _node() -> Contender:
    program = ("node", "--no-warnings", FOLDER / "with_node.cjs")
    modules = {"NODE_PATH": str(NODE_ENVIRONMENT.modules)}
    # Its compiler goes on making the code faster for about so many messages, to half the time.
    return Contender(NODE, "node", program, environment=modules, warm=12_000)


def _python(script: str, interpreter: str | Path = sys.executable) -> tuple[str | Path, ...]:
    """The script, away from the checkout's modules and from the user's settings."""
    return interpreter, "-I", FOLDER / f"{script}.py"
