"""Waiting for what the poller settles."""

import asyncio

from eventkit import Outcome, Reject, Retry, decode
from eventkit.outcomes import DONE
from eventkit.testing import s3_event, s3_record, sqs_event, sqs_record
from eventkit_local.watch import Seen
from examples.blog._arrivals import Arrivals


def seen(key: str, outcome: Outcome = DONE, *, message: int = 1) -> Seen:
    body = s3_event(s3_record("ObjectCreated:Put", "photos", key))
    (event,) = decode(sqs_event(sqs_record(body, "blog-photos", number=message))).events
    return Seen(event.outermost.id, event.path, event, "make_thumbnail", outcome, 0.1, 1)


async def test_waiting_ends_when_every_key_is_settled() -> None:
    shown: list[Seen] = []
    arrivals = Arrivals(shown.append)
    waiting = asyncio.create_task(arrivals.wait(["a", "b"], 60))
    await asyncio.sleep(0)

    arrivals(seen("a"))
    arrivals(seen("b", Reject("broken")))

    assert await waiting == []
    assert [one.event for one in shown] == [arrivals.seen["a"].event, arrivals.seen["b"].event]


async def test_waiting_gives_up_and_says_what_is_missing() -> None:
    arrivals = Arrivals(lambda _: None)

    arrivals(seen("a"))

    assert await arrivals.wait(["a", "b"], 0) == ["b"]


async def test_a_retry_settles_nothing_until_the_message_comes_again() -> None:
    arrivals = Arrivals(lambda _: None)

    arrivals(seen("a", Retry(1)))
    first = await arrivals.wait(["a"], 0), len(arrivals.retries)
    arrivals(seen("a"))

    assert first == (["a"], 1)
    assert await arrivals.wait(["a"], 0) == []
    assert arrivals.retries == frozenset()


async def test_each_message_is_kept_once_and_a_second_one_counts_again() -> None:
    arrivals = Arrivals(lambda _: None)

    arrivals(seen("a", Retry(1)))
    arrivals(seen("a"))
    arrivals(seen("a", message=2))

    assert len(arrivals.records) == 2
    assert await arrivals.wait(["a"], 0, times=2) == []
