"""Plain functions on threads, in real time."""

import asyncio
import threading
from contextvars import ContextVar
from functools import partial

import pytest

from eventkit import App, CallNext, Delivery, Outcome, Queue
from eventkit_poller import Settings, Summary
from eventkit_poller.threads import Threads
from tests.adapters.poller.harness import Service, app_of, poller_of, running, until

request: ContextVar[str] = ContextVar("request", default="none")


async def test_a_function_runs_on_a_thread_with_the_callers_context() -> None:
    threads = Threads()
    request.set("mine")

    thread, value = await threads.call(lambda: (threading.current_thread(), request.get()), None)
    threads.close()

    assert (thread.daemon, thread is threading.main_thread(), value) == (True, False, "mine")


@pytest.mark.parametrize("error", [ValueError, SystemExit, KeyboardInterrupt])
async def test_what_a_function_raises_reaches_the_caller(error: type[BaseException]) -> None:
    threads = Threads()

    def fail() -> None:
        raise error

    with pytest.raises(error):
        await threads.call(fail, None)
    threads.close()


async def test_a_stop_iteration_does_not_leave_the_caller_waiting() -> None:
    threads = Threads()

    with pytest.raises(RuntimeError):
        await threads.call(partial(next, iter(())), None)
    threads.close()


async def test_after_a_timeout_the_function_goes_on_and_others_find_a_thread() -> None:
    threads = Threads()
    release, ended = threading.Event(), threading.Event()

    def hang() -> None:
        release.wait(10)
        ended.set()

    with pytest.raises(TimeoutError):
        await threads.call(hang, 0.01)
    other = await threads.call(lambda: "other", None)
    release.set()
    threads.close()

    assert other == "other"
    assert ended.wait(10)


async def test_idle_threads_are_used_again() -> None:
    threads = Threads()

    names = {await threads.call(lambda: threading.current_thread().name, None) for _ in range(20)}
    threads.close()

    assert len(names) == 1


async def test_functions_run_at_once_and_closing_ends_their_threads() -> None:
    threads = Threads()
    barrier = threading.Barrier(5, timeout=10)

    def meet() -> threading.Thread:
        barrier.wait()
        return threading.current_thread()

    async with asyncio.TaskGroup() as group:
        calls = [group.create_task(threads.call(meet, None)) for _ in range(5)]
    used = {call.result() for call in calls}
    threads.close()

    for thread in used:
        thread.join(10)
    assert len(used) == 5
    assert not any(thread.is_alive() for thread in used)


async def test_plain_handlers_run_at_once_on_threads() -> None:
    service = Service("jobs")
    await service.send("jobs", *map(str, range(6)))
    barrier = threading.Barrier(6, timeout=10)

    def handler(_: str) -> None:
        barrier.wait()

    poller = poller_of(app_of(handler), service, Settings(wait=1))
    async with running(poller):
        await until(lambda: service.memory.depth("jobs") == 0)

    assert poller.summary == Summary(received=6, done=6)


async def test_plain_handlers_see_the_context_in_which_the_poller_runs() -> None:
    service = Service("jobs")
    await service.send("jobs", "one")
    seen: list[tuple[str, bool]] = []

    def handler(_: str) -> None:
        seen.append((request.get(), threading.current_thread() is threading.main_thread()))

    request.set("of the process")
    async with running(poller_of(app_of(handler), service, Settings(wait=1))):
        await until(lambda: service.memory.depth("jobs") == 0)

    assert seen == [("of the process", False)]


async def test_a_plain_handler_among_async_ones_sees_what_its_middleware_set() -> None:
    service = Service("jobs", "others")
    await service.send("jobs", "one")
    seen: list[tuple[str, bool]] = []

    async def name_request(delivery: Delivery, call_next: CallNext) -> Outcome:
        request.set(delivery.handler)
        return await call_next(delivery)

    app = App("test", middleware=[name_request])

    @app.on(Queue[str]("jobs"), name="plain")
    def plain(_: str) -> None:
        seen.append((request.get(), threading.current_thread() is threading.main_thread()))

    @app.on(Queue[str]("others"))
    async def other(_: str) -> None: ...

    async with running(poller_of(app, service, Settings(wait=1))):
        await until(lambda: service.memory.depth("jobs") == 0)

    assert seen == [("plain", False)]


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, StopIteration, asyncio.CancelledError])
async def test_a_plain_handler_may_raise_anything(error: type[BaseException]) -> None:
    service = Service("jobs")
    await service.send("jobs", "bad", "good")
    failed: list[str] = []

    def handler(text: str) -> None:
        if text == "bad" and not failed:
            failed.append(text)
            raise error

    poller = poller_of(app_of(handler), service, Settings(wait=1), random=lambda: 0.01)
    async with running(poller):
        await until(lambda: service.memory.depth("jobs") == 0)

    assert poller.summary == Summary(received=3, done=2, retried=1)


async def test_a_thread_that_hangs_does_not_keep_the_poller_from_stopping() -> None:
    service = Service("jobs")
    await service.send("jobs", "one")
    entered, release = threading.Event(), threading.Event()

    def handler(_: str) -> None:
        entered.set()
        release.wait(10)

    poller = poller_of(app_of(handler), service, Settings(wait=1, drain=0.01))
    async with running(poller):
        await until(entered.is_set)
    release.set()

    assert poller.summary == Summary(received=1, released=1)
    assert await service.visible("jobs") == ["one"]
