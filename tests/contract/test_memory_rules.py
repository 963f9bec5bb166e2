"""What the memory backend alone promises: SQS's times to the second, on a clock that the test moves."""

import asyncio
import json
from itertools import count

import pytest

from eventkit.backends import Raw, open_backend
from eventkit.backends.memory import MemoryBackend
from eventkit.decode import unwrap
from eventkit.errors import BackendError, ConfigurationError
from eventkit.events import Message
from eventkit.publish import Outgoing
from eventkit.testing import VirtualClock


def world() -> tuple[MemoryBackend, VirtualClock]:
    clock = VirtualClock()
    ids = count(1)
    return MemoryBackend(clock=clock, new_id=lambda: f"id-{next(ids)}"), clock


async def send(backend: MemoryBackend, queue: str, *texts: str, group: str | None = None) -> None:
    await backend.publish("queue", queue, [Outgoing(text, group) for text in texts])


async def take(backend: MemoryBackend, queue: str) -> list[Raw]:
    return list(await backend.receive(queue, 10, 0))


async def test_visibility_ends_to_the_second() -> None:
    backend, clock = world()
    backend.create_queue("jobs", visibility=30)
    await send(backend, "jobs", "a")
    await take(backend, "jobs")

    clock.advance(29.9)
    assert await take(backend, "jobs") == []
    clock.advance(0.1)

    assert len(await take(backend, "jobs")) == 1


async def test_a_long_poll_wakes_when_a_message_becomes_visible() -> None:
    backend, clock = world()
    backend.create_queue("jobs", visibility=5)
    await send(backend, "jobs", "a")
    await take(backend, "jobs")
    poll = asyncio.create_task(backend.receive("jobs", 10, 20))
    await asyncio.sleep(0)

    clock.advance(5)

    assert len(await poll) == 1


async def test_a_long_poll_ends_with_its_wait() -> None:
    backend, clock = world()
    backend.create_queue("jobs")
    poll = asyncio.create_task(backend.receive("jobs", 10, 20))
    for _ in range(5):
        await asyncio.sleep(0)
    assert not poll.done()

    clock.advance(20)

    assert await poll == []


async def test_a_long_poll_that_is_cancelled_takes_nothing_with_it() -> None:
    backend, _ = world()
    backend.create_queue("jobs")
    poll = asyncio.create_task(backend.receive("jobs", 10, 20))
    for _ in range(5):
        await asyncio.sleep(0)

    poll.cancel()
    await send(backend, "jobs", "a")
    await asyncio.wait([poll])

    assert len(await take(backend, "jobs")) == 1


async def test_one_message_goes_to_one_of_those_who_wait() -> None:
    backend, clock = world()
    backend.create_queue("jobs")
    polls = [asyncio.create_task(backend.receive("jobs", 10, 20)) for _ in range(3)]
    await asyncio.sleep(0)

    await send(backend, "jobs", "a")
    for _ in range(5):
        await asyncio.sleep(0)
    clock.advance(20)

    assert sorted([len(await poll) for poll in polls]) == [0, 0, 1]


async def test_a_queues_delay_is_kept() -> None:
    backend, clock = world()
    backend.create_queue("jobs", delay=10)
    await send(backend, "jobs", "a")

    assert await take(backend, "jobs") == []
    clock.advance(10)

    assert len(await take(backend, "jobs")) == 1


async def test_a_standard_message_can_be_deleted_by_its_newest_handle_after_its_time() -> None:
    backend, clock = world()
    backend.create_queue("jobs", visibility=1)
    await send(backend, "jobs", "a")
    records = await take(backend, "jobs")
    clock.advance(5)

    await backend.delete("jobs", records)

    assert backend.depth("jobs") == 0


async def test_a_stale_handle_changes_nothing() -> None:
    backend, clock = world()
    backend.create_queue("jobs", visibility=1)
    await send(backend, "jobs", "a")
    stale = await take(backend, "jobs")
    clock.advance(1)
    await take(backend, "jobs")

    await backend.delete("jobs", stale)
    await backend.extend("jobs", [(stale[0], 0)])

    assert backend.depth("jobs") == 1
    assert await take(backend, "jobs") == []


async def test_a_repetition_is_forgotten_for_five_minutes() -> None:
    backend, clock = world()
    backend.create_queue("jobs.fifo")

    await send(backend, "jobs.fifo", "a", group="g")
    clock.advance(299)
    await send(backend, "jobs.fifo", "a", group="g")
    assert backend.depth("jobs.fifo") == 1
    clock.advance(1)
    await send(backend, "jobs.fifo", "a", group="g")

    assert backend.depth("jobs.fifo") == 2


async def test_a_redriven_message_keeps_its_identity_and_tells_its_origin() -> None:
    backend, clock = world()
    backend.create_queue("dead")
    arn = backend.create_queue("jobs", visibility=1, dead_letter="dead", max_receives=1)
    await send(backend, "jobs", "a")
    (first,) = await take(backend, "jobs")
    poll = asyncio.create_task(backend.receive("dead", 10, 20))
    clock.advance(1)

    assert await take(backend, "jobs") == []

    (dead,) = await poll
    assert dead["messageId"] == first["messageId"]
    system = dead["attributes"]
    assert isinstance(system, dict)
    assert system["DeadLetterQueueSourceArn"] == arn
    assert Message(dead).attempt == 2


async def test_timestamps_are_of_the_clock() -> None:
    backend, clock = world()
    backend.create_queue("jobs")
    clock.advance(1.5)

    await send(backend, "jobs", "a")
    (record,) = await take(backend, "jobs")

    sent = Message(record).sent
    assert sent is not None
    assert sent.isoformat() == "2026-01-01T00:00:01.500000+00:00"


async def test_a_topic_reaches_every_queue_in_its_own_form() -> None:
    backend, _ = world()
    for name in ("wrapped", "raw"):
        backend.create_queue(name)
        backend.subscribe("news", name, raw=name == "raw")

    await backend.publish("topic", "news", [Outgoing("x", attributes={"kind": "a"})])

    (wrapped,), (raw,) = await take(backend, "wrapped"), await take(backend, "raw")
    assert json.loads(str(wrapped["body"]))["TopicArn"] == "arn:aws:sns:local:000000000000:news"
    assert unwrap(wrapped)[0].path == ("sqs:wrapped", "sns:news")
    assert raw["body"] == "x"


async def test_a_repeated_publication_of_a_fifo_topic_is_kept_once() -> None:
    backend, _ = world()
    backend.create_queue("jobs.fifo")
    backend.subscribe("news.fifo", "jobs.fifo")

    for _ in range(2):
        await backend.publish("topic", "news.fifo", [Outgoing("x", "g")])

    assert backend.depth("jobs.fifo") == 1


async def test_a_topic_without_queues_takes_what_it_gets() -> None:
    backend, _ = world()
    backend.create_topic("news")

    await backend.publish("topic", "news", [Outgoing("x")])


@pytest.mark.parametrize("limit", [0, 11])
async def test_a_limit_out_of_range_is_an_error(limit: int) -> None:
    backend, _ = world()
    backend.create_queue("jobs")

    with pytest.raises(BackendError, match="limit"):
        await backend.receive("jobs", limit, 0)


def test_queues_are_declared_once_and_dead_letter_queues_first() -> None:
    backend, _ = world()
    backend.create_queue("dead")

    with pytest.raises(ConfigurationError, match="already"):
        backend.create_queue("dead")
    with pytest.raises(ConfigurationError, match="first"):
        backend.create_queue("jobs", dead_letter="elsewhere")
    with pytest.raises(ConfigurationError, match="FIFO"):
        backend.create_queue("jobs.fifo", dead_letter="dead")


async def test_a_url_declares_queues() -> None:
    async with open_backend("memory://?queue=jobs:dead&queue=mail:dead&queue=other&table=a&stream=b") as backend:
        await backend.publish("queue", "jobs", [Outgoing("a")])
        (record,) = await backend.receive("jobs", 1, 1)

    assert record["body"] == "a"


@pytest.mark.parametrize("url", ["memory://?queues=jobs", "memory://host"])
async def test_an_unknown_option_of_a_url_is_told(url: str) -> None:
    with pytest.raises(ConfigurationError, match="queue=NAME"):
        async with open_backend(url):
            pass


async def test_real_time_passes_by_itself() -> None:
    backend = MemoryBackend()
    backend.create_queue("jobs", visibility=0.01)
    await send(backend, "jobs", "a")
    await take(backend, "jobs")

    assert len(await backend.receive("jobs", 10, 5)) == 1
    assert await backend.receive("jobs", 10, 0) == []
