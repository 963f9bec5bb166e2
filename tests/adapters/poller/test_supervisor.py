"""A supervisor with real processes, which are no pollers: they say what a worker says, and behave as they are told."""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from eventkit_poller import Summary, Timing
from eventkit_poller.health import Health
from eventkit_poller.supervisor import Ended, Start, Supervisor

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="workers are for POSIX")

WORKER = """
import json, os, signal, socket, sys
kind, folder = sys.argv[1:]
link = socket.socket(fileno=0)

def report(serving=True, **counts):
    health = {"alive": True, "ready": serving, "facts": {"kind": kind}}
    line = {"app": "shop", "serving": serving, "health": health, "summary": counts, "in_flight": 0}
    link.sendall(json.dumps(line).encode() + b"\\n")

def stopped():
    return link.recv(100) == b"stop\\n"

def first():
    try:
        return not os.close(os.open(folder + "/seen", os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False

signal.alarm(60)
match kind:
    case "wrong":
        sys.exit(2)
    case "broken":
        sys.exit(3)
    case "dies once" if first():
        report(received=1, done=1)
        sys.exit(1)
    case "wrong once" if first():
        sys.exit(2)
    case "slow to start":
        open(folder + "/ready", "w").close()
        signal.pause()
report()
match kind:
    case "nonsense":
        link.sendall(b"{}\\n")
        signal.pause()
    case "hangs":
        signal.pause()
    case "deaf":
        stopped()
        signal.pause()
    case "busy":
        stopped()
        report(serving=False, received=1)
        stopped()
        report(serving=False, received=1, released=1)
    case _:
        stopped()
        report(serving=False, received=2, done=2)
"""


class Log(logging.Handler):
    """The log, as it comes."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []
        self._written = asyncio.Event()

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)
        self._written.set()

    def events(self) -> list[str]:
        return [record.getMessage() for record in self.records]

    def facts(self, event: str, name: str) -> list[object]:
        return [vars(record)[name] for record in self.records if record.getMessage() == event]

    async def says(self, event: str, times: int = 1) -> None:
        while self.events().count(event) < times:
            self._written.clear()
            await self._written.wait()


@pytest.fixture
async def log() -> AsyncIterator[Log]:
    logger, handler = logging.getLogger("eventkit.poller"), Log()
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(level)


Supervise = Callable[..., Supervisor]


@pytest.fixture
def supervise(tmp_path: Path) -> Supervise:
    """Make a supervisor of workers of one kind; delays are drawn as nothing."""

    def made(kind: str, workers: int = 1, *, budget: float = 60.0, silence: float = 60.0) -> Supervisor:
        command = [sys.executable, "-I", "-S", "-c", WORKER, kind, str(tmp_path)]
        start = Start(command, os.environ, budget, silence)
        return Supervisor(start, workers, timing=Timing(random=lambda: 0.0))

    return made


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110 - what a worker reports is heard in some turn of the loop, and nobody is told
            await asyncio.sleep(0)


async def is_ready(supervisor: Supervisor) -> None:
    await until(lambda: supervisor.health.ready)


async def ended(running: "asyncio.Task[Ended]") -> Ended:
    async with asyncio.timeout(30):
        return await running


async def test_workers_are_started_and_stopped_together_and_their_counts_added(log: Log, supervise: Supervise) -> None:
    supervisor = supervise("steady", workers=3)
    running = asyncio.create_task(supervisor.run())
    await is_ready(supervisor)

    supervisor.stop()

    assert await ended(running) == Ended(0, "shop", Summary(received=6, done=6))
    assert log.events() == ["worker.started"] * 3 + ["worker.exited"] * 3
    assert sorted(map(str, log.facts("worker.started", "worker"))) == ["1", "2", "3"]
    assert log.facts("worker.exited", "code") == [0, 0, 0]


async def test_a_worker_that_cannot_be_understood_is_ended_and_the_fault_told(log: Log, supervise: Supervise) -> None:
    supervisor = supervise("nonsense")

    with pytest.raises(KeyError, match="app"):
        async with asyncio.timeout(30):
            await supervisor.run()

    (pid,) = log.facts("worker.started", "pid")
    with pytest.raises(ProcessLookupError):
        os.kill(int(str(pid)), 0)


async def test_all_are_alive_and_ready_when_each_is(supervise: Supervise) -> None:
    supervisor = supervise("steady", workers=2)
    running = asyncio.create_task(supervisor.run())
    before = supervisor.health
    await is_ready(supervisor)
    after = supervisor.health
    supervisor.stop()
    await ended(running)

    assert before == Health(
        alive=True, ready=False, facts={"workers": {name: {"alive": True, "ready": False} for name in "12"}}
    )
    assert (after.alive, after.ready) == (True, True)
    assert str(after.facts).count("'kind': 'steady'") == 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_stops_them_in_good_order(supervise: Supervise, number: signal.Signals) -> None:
    supervisor = supervise("steady")
    running = asyncio.create_task(supervisor.run())
    await is_ready(supervisor)

    signal.raise_signal(number)

    assert await ended(running) == Ended(0, "shop", Summary(received=2, done=2))


async def test_a_terminal_s_interrupt_is_not_for_workers(log: Log, supervise: Supervise) -> None:
    supervisor = supervise("steady")
    running = asyncio.create_task(supervisor.run())
    await is_ready(supervisor)
    (pid,) = log.facts("worker.started", "pid")
    assert isinstance(pid, int)

    leads_its_own = os.getsid(pid) == pid != os.getsid(0)

    supervisor.stop()
    await ended(running)
    assert leads_its_own


async def test_a_second_stop_is_passed_on(supervise: Supervise) -> None:
    supervisor = supervise("busy")
    running = asyncio.create_task(supervisor.run())
    await is_ready(supervisor)

    supervisor.stop()
    await until(lambda: not supervisor.health.ready)
    supervisor.stop()

    assert await ended(running) == Ended(0, "shop", Summary(received=1, released=1))


async def test_a_third_stop_kills(log: Log, supervise: Supervise) -> None:
    supervisor = supervise("deaf")
    running = asyncio.create_task(supervisor.run())
    await is_ready(supervisor)

    for _ in range(3):
        supervisor.stop()

    assert (await ended(running)).code == 1
    assert log.facts("worker.exited", "code") == [-signal.SIGKILL]


async def test_a_worker_that_does_not_stop_in_its_time_is_killed(log: Log, supervise: Supervise) -> None:
    supervisor = supervise("deaf", budget=0.1)
    running = asyncio.create_task(supervisor.run())
    await is_ready(supervisor)

    supervisor.stop()

    assert (await ended(running)).code == 1
    assert log.events()[1:] == ["worker.overdue", "worker.exited"]


async def test_a_worker_that_has_not_begun_is_stopped_at_once(supervise: Supervise, tmp_path: Path) -> None:
    supervisor = supervise("slow to start")
    running = asyncio.create_task(supervisor.run())
    await until((tmp_path / "ready").exists)

    supervisor.stop()

    assert await ended(running) == Ended(0, None, Summary())


async def test_a_worker_that_dies_is_replaced_and_what_it_did_is_counted(log: Log, supervise: Supervise) -> None:
    supervisor = supervise("dies once")
    running = asyncio.create_task(supervisor.run())
    await log.says("worker.restarted")
    await is_ready(supervisor)

    supervisor.stop()

    assert await ended(running) == Ended(0, "shop", Summary(received=3, done=3))
    assert log.events() == ["worker.started", "worker.exited", "worker.restarted", "worker.exited"]
    assert log.facts("worker.restarted", "failures") == [1]


async def test_a_worker_that_hangs_is_replaced(log: Log, supervise: Supervise) -> None:
    supervisor = supervise("hangs", silence=1)
    running = asyncio.create_task(supervisor.run())
    await log.says("worker.restarted")

    supervisor.stop()
    await ended(running)

    assert log.events()[:4] == ["worker.started", "worker.hung", "worker.exited", "worker.restarted"]


async def test_wrong_configuration_ends_it_all_and_is_said_once(log: Log, supervise: Supervise) -> None:
    supervisor = supervise("wrong", workers=3)

    assert await supervisor.run() == Ended(2, None, Summary())
    assert log.events() == ["worker.started", "worker.exited", "worker.given_up"]


async def test_workers_that_cannot_start_are_given_up_with_their_exit_code(log: Log, supervise: Supervise) -> None:
    supervisor = supervise("broken")

    assert (await supervisor.run()).code == 3
    assert log.facts("worker.restarted", "failures") == [1, 2, 3, 4]


class Changes:
    """What a watcher of files yields, or raises, when the test says so."""

    def __init__(self) -> None:
        self._queue = asyncio.Queue[Exception | None]()

    def happen(self, error: Exception | None = None) -> None:
        self._queue.put_nowait(error)

    async def yielded(self) -> AsyncIterator[None]:
        while (error := await self._queue.get()) is None:
            yield
        raise error


async def test_a_change_replaces_the_workers(log: Log, supervise: Supervise) -> None:
    supervisor, changes = supervise("steady", workers=2), Changes()
    running = asyncio.create_task(supervisor.run([changes.yielded()]))
    await is_ready(supervisor)

    changes.happen()
    await log.says("worker.started", times=4)
    await is_ready(supervisor)
    supervisor.stop()

    assert await ended(running) == Ended(0, "shop", Summary(received=8, done=8))
    assert log.events().count("workers.reloading") == 1
    assert "worker.restarted" not in log.events()


async def test_a_worker_that_cannot_start_waits_for_the_next_change(log: Log, supervise: Supervise) -> None:
    supervisor, changes = supervise("wrong once"), Changes()
    running = asyncio.create_task(supervisor.run([changes.yielded()]))
    await log.says("worker.exited")

    changes.happen()
    await is_ready(supervisor)
    supervisor.stop()

    assert await ended(running) == Ended(0, "shop", Summary(received=2, done=2))
    assert log.events() == ["worker.started", "worker.exited", "workers.reloading", "worker.started", "worker.exited"]


async def test_what_is_wrong_with_watching_stops_the_workers_and_is_raised(log: Log, supervise: Supervise) -> None:
    supervisor, changes = supervise("steady"), Changes()
    running = asyncio.create_task(supervisor.run([changes.yielded()]))
    await is_ready(supervisor)

    changes.happen(OSError("no more watches"))

    with pytest.raises(OSError, match="no more watches"):
        await ended(running)
    assert log.facts("worker.exited", "code") == [0]
