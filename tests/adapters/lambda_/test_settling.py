"""What an invocation does at its queue: delays for retries, dead letters for rejects."""

import logging
from asyncio import Event
from collections.abc import Sequence

import pytest

from eventkit import Reject, Retry
from eventkit.backends import Raw, Unsettled
from eventkit.testing import sqs_event
from tests.adapters.lambda_.harness import (
    DONE,
    FLAVOURS,
    OUTAGE,
    Context,
    Functions,
    Service,
    app_of,
    behave,
    failed,
    fifo,
    message,
    messages,
    notification,
    stream,
)

JOBS = "arn:aws:sqs:us-east-1:123456789012:jobs"

every_flavour = pytest.mark.parametrize("flavour", FLAVOURS)


def events_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if not record.getMessage().startswith("delivery.")]


@every_flavour
def test_a_retry_comes_back_after_its_delay(functions: Functions, flavour: str) -> None:
    service = Service()

    response = functions(app_of(behave, flavour), service)(messages("retry 7", "done", "retry 9"))

    assert response == failed("m1", "m3")
    assert service.delays == [(JOBS, [("m1", 7), ("m3", 9)])]


@every_flavour
def test_an_exception_comes_back_within_the_routes_backoff(functions: Functions, flavour: str) -> None:
    service = Service()

    functions(app_of(behave, flavour), service)(messages("raise"))

    ((_, ((identifier, delay),)),) = service.delays
    assert identifier == "m1"
    assert 0 <= delay <= 1


def test_messages_of_two_queues_are_delayed_at_theirs(functions: Functions) -> None:
    service = Service()
    event = sqs_event(message("retry 7", 1), message("retry 9", 2, queue="jobs.fifo", group="a"))

    functions(app_of(behave), service)(event)

    assert service.delays == [(JOBS, [("m1", 7)]), (f"{JOBS}.fifo", [("m2", 9)])]


@every_flavour
def test_what_was_held_back_comes_back_at_once(functions: Functions, flavour: str) -> None:
    service = Service()

    functions(app_of(behave, flavour), service)(fifo("a/retry 7", "a/done"))

    assert service.delays == [(f"{JOBS}.fifo", [("m1", 7), ("m2", 0)])]


@every_flavour
@pytest.mark.parametrize("event", [stream("retry 7"), messages("done")])
def test_where_there_is_nothing_to_delay_nothing_is_asked(
    functions: Functions, flavour: str, event: dict[str, object]
) -> None:
    service = Service()

    functions(app_of(behave, flavour), service)(event)

    assert service.delays == []


@every_flavour
def test_a_delay_that_fails_is_only_logged(
    functions: Functions, flavour: str, caplog: pytest.LogCaptureFixture
) -> None:
    response = functions(app_of(behave, flavour), Service(extend=OUTAGE))(messages("retry 7", "done"))

    assert response == failed("m1")
    assert events_of(caplog) == ["retry.not_delayed"]


def test_a_delay_that_the_service_refuses_for_a_message_is_only_logged(
    functions: Functions, caplog: pytest.LogCaptureFixture
) -> None:
    response = functions(app_of(behave), Service(refused=1))(messages("retry 7", "retry 9"))

    assert response == failed("m1", "m2")
    assert events_of(caplog) == ["retry.not_delayed"]


@every_flavour
def test_a_rejected_message_is_kept_and_then_done(functions: Functions, flavour: str) -> None:
    service = Service()

    response = functions(app_of(behave, flavour), service)(messages("reject", "done"))

    assert response == DONE
    assert service.parked == [(JOBS, "m1", "no good")]


@every_flavour
@pytest.mark.parametrize("event", [messages("reject"), fifo("a/reject")])
def test_a_rejected_message_that_cannot_be_kept_is_reported(
    functions: Functions, flavour: str, event: dict[str, object], caplog: pytest.LogCaptureFixture
) -> None:
    response = functions(app_of(behave, flavour), Service(park=OUTAGE))(event)

    assert response == failed("m1")
    assert events_of(caplog) == ["reject.not_kept"]


@every_flavour
def test_without_a_backend_failures_are_reported_and_logged(
    functions: Functions, flavour: str, caplog: pytest.LogCaptureFixture
) -> None:
    handler = functions(app_of(behave, flavour), "unheard-of://")

    assert handler(messages("done", "done")) == DONE
    assert handler(messages("retry 7", "reject", "done")) == failed("m1", "m2")
    assert events_of(caplog) == ["reject.not_kept", "retry.not_delayed"]


def test_a_backend_is_opened_once_by_its_url_and_asked_for_what_it_has(
    functions: Functions, caplog: pytest.LogCaptureFixture
) -> None:
    handler = functions(app_of(behave), "memory://?queue=jobs:jobs-dead")

    assert handler(messages("reject")) == DONE
    assert handler(messages("reject", "retry 7")) == failed("m2")
    assert events_of(caplog) == ["retry.not_delayed"]  # nobody has received the message from that queue


def test_a_service_that_hangs_does_not_hold_up_the_response(
    functions: Functions, caplog: pytest.LogCaptureFixture
) -> None:
    class Hanging(Service):
        async def extend(self, queue: str, delays: Sequence[tuple[Raw, float]]) -> Unsettled:
            await Event().wait()
            return await super().extend(queue, delays)

    handler = functions(app_of(behave), Hanging(), margin=0.2)
    context = Context(0.4)

    assert handler(messages("reject", "retry 7"), context) == failed("m2")
    assert context.get_remaining_time_in_millis() > 0
    assert events_of(caplog) == ["batch.not_settled"]
    assert handler(messages("reject", "done"), Context(5)) == DONE


def test_a_dead_letter_queue_that_hangs_leaves_the_message_to_be_reported(functions: Functions) -> None:
    class Hanging(Service):
        async def park(self, queue: str, record: Raw, reject: Reject) -> None:
            await Event().wait()
            await super().park(queue, record, reject)

    assert functions(app_of(behave), Hanging())(messages("reject", "done"), Context(0.4)) == failed("m1")


def test_no_text_of_a_message_is_logged(functions: Functions, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    def do(text: str) -> None:
        if "retry" in text:
            raise Retry(after=5)
        raise ValueError(text)

    handler = functions(app_of(do), Service(park=OUTAGE, extend=OUTAGE))
    handler(messages("CANARY", "CANARY retry"))
    with pytest.raises(Exception, match="records failed") as failure:
        handler(notification("CANARY"))

    written = [f"{record.getMessage()} {record.__dict__}" for record in caplog.records if record.name == "eventkit"]
    assert len(written) >= 3
    assert not any("CANARY" in line for line in [*written, str(failure.value)])
