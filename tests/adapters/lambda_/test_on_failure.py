"""Where rejected events go that came from no queue: to the on-failure destination, if there is one."""

import json
from collections.abc import Callable, Sequence

import pytest

from eventkit import BackendError, Names
from eventkit.backends._park import NOTE
from eventkit.backends.memory import MemoryBackend
from eventkit.publish import Outgoing
from eventkit_lambda import InvocationFailed
from tests.adapters.lambda_.harness import (
    DONE,
    FLAVOURS,
    Functions,
    Json,
    Service,
    app_of,
    behave,
    data_stream,
    failed,
    notification,
    photo,
    photo_by_eventbridge,
    stream,
)

every_flavour = pytest.mark.parametrize("flavour", FLAVOURS)

REJECTS = Names("app", on_failure=("queue", "rejects"))


class Destination(Service):
    """Keeps the messages as they were sent, or refuses them."""

    def __init__(self, *, refuses: bool = False) -> None:
        super().__init__()
        self.messages: list[Outgoing] = []
        self._refuses = refuses

    async def publish(self, kind: str, address: str, messages: Sequence[Outgoing]) -> None:
        if self._refuses:
            raise BackendError("the queue cannot be reached")
        await super().publish(kind, address, messages)
        self.messages.extend(messages)


@every_flavour
def test_a_stream_goes_on_behind_a_rejected_change_that_was_kept(functions: Functions, flavour: str) -> None:
    service = Destination()
    event = stream("reject", "done", "retry", "done:2")

    response = functions(app_of(behave, flavour), service, names=REJECTS)(event)

    assert response == failed("s3")
    assert [(kind, address) for kind, address, _ in service.sent] == [("queue", "rejects")]


@every_flavour
@pytest.mark.parametrize("event", [notification("reject"), photo("reject"), photo_by_eventbridge("reject")])
def test_a_direct_invocation_succeeds_when_its_event_was_kept(functions: Functions, flavour: str, event: Json) -> None:
    service = Destination()

    response = functions(app_of(behave, flavour), service, names=REJECTS)(event)

    assert response == DONE
    (message,) = service.messages
    assert json.loads(message.text)["requestPayload"] == event
    note = json.loads(str(message.attributes[NOTE]))
    assert note["reason"]
    assert note["handler"]


@every_flavour
@pytest.mark.parametrize("batch", [stream, data_stream])
def test_a_kept_record_of_a_stream_can_be_invoked_again(
    functions: Functions, flavour: str, batch: Callable[..., Json]
) -> None:
    service = Destination()
    function = functions(app_of(behave, flavour), service, names=REJECTS)

    function(batch("done", "reject"))
    again = json.loads(json.loads(service.messages[0].text)["payload"])

    assert again["Records"] == batch("done", "reject")["Records"][1:]  # type: ignore[index]
    assert function(again) == DONE
    assert len(service.messages) == 2


@every_flavour
def test_what_could_not_be_kept_holds_back_the_stream(functions: Functions, flavour: str) -> None:
    response = functions(app_of(behave, flavour), Destination(refuses=True), names=REJECTS)(stream("reject", "done"))

    assert response == failed("s1")


@every_flavour
def test_what_could_not_be_kept_fails_a_direct_invocation(functions: Functions, flavour: str) -> None:
    function = functions(app_of(behave, flavour), Destination(refuses=True), names=REJECTS)

    with pytest.raises(InvocationFailed):
        function(photo("reject"))


@every_flavour
@pytest.mark.parametrize("event", [{"Records": [None]}, photo("reject"), stream("reject")])
def test_what_is_rejected_is_put_into_a_bucket(functions: Functions, flavour: str, event: Json) -> None:
    backend = MemoryBackend()
    backend.create_bucket("archive")
    names = Names("app", on_failure=("bucket", "archive"))

    response = functions(app_of(behave, flavour), backend, names=names)(event)

    assert response == DONE
    ((key, body),) = backend.objects("archive").items()
    assert key.startswith("aws/lambda/")
    assert json.loads(body)["requestContext"]["condition"] == "Rejected"


def test_a_backend_that_is_opened_when_needed_puts_into_buckets_too(functions: Functions) -> None:
    names = Names("app", on_failure=("bucket", "archive"))

    response = functions(app_of(behave), "memory://", names=names)(stream("reject"))

    assert response == failed("s1")  # because that process's backend has no such bucket


def test_the_destination_comes_from_the_environment() -> None:
    names = Names.from_environ("app", {"EVENTKIT_ON_FAILURE": "sns:alarms"})

    assert names.on_failure == ("topic", "alarms")
