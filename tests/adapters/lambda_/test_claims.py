"""Payloads that lie in S3 are fetched before Lambda's records are handled, and deleted once those are done."""

import pytest

from eventkit import App, Queue, Reject, Retry, Topic
from eventkit.testing import sns_event, sns_record, sqs_event, sqs_record
from eventkit_aws.claims import Claims
from eventkit_lambda import LambdaHandler
from eventkit_lambda._response import InvocationFailed, Response
from eventkit_lambda.claims import resolving
from tests.adapters.aws.claims import Shelf
from tests.adapters.lambda_.harness import DONE, Context, Service

POINTER = '["software.amazon.payloadoffloading.PayloadS3Pointer",{"s3BucketName":"payloads","s3Key":"%s"}]'


def pointing(key: str, *, number: int) -> dict[str, object]:
    return sqs_record(POINTER % key, "jobs", number=number, attributes={"ExtendedPayloadSize": 5})


def failures(*records: dict[str, object]) -> Response:
    return {"batchItemFailures": [{"itemIdentifier": str(record["messageId"])} for record in records]}


class Function:
    """An app behind claims: it notes what it gets, retries `again`, and rejects `never`."""

    def __init__(self, **objects: str) -> None:
        self.seen: list[str] = []
        self.shelf = Shelf()
        self.shelf.objects |= {("payloads", key): text.encode() for key, text in objects.items()}
        app = App("app")
        app.on(Queue[str]("jobs"), name="jobs")(self._handle)
        app.on(Topic[str]("news"), name="news")(self._handle)
        self.service = Service()
        self._inner = LambdaHandler(app, backend=self.service)
        self._outer = resolving(self._inner, Claims(self.shelf, "payloads", cleanup=True))

    def _handle(self, text: str) -> None:
        self.seen.append(text)
        if text == "again":
            raise Retry
        if text == "never":
            raise Reject("never")

    def __call__(self, event: object) -> Response:
        try:
            return self._outer(event, Context(60))
        finally:
            self._inner.close()


def test_payloads_are_fetched_and_those_of_what_is_done_are_deleted() -> None:
    function = Function(one="large", two="again")
    again = pointing("two", number=2)

    response = function(sqs_event(pointing("one", number=1), again, sqs_record("small", "jobs", number=3)))

    assert function.seen == ["large", "again", "small"]
    assert response == failures(again)
    assert function.shelf.objects == {("payloads", "two"): b"again"}


def test_what_cannot_be_fetched_is_delivered_again_and_its_neighbours_are_handled() -> None:
    function = Function(one="large")
    function.shelf.broken.add("one")
    unreachable = pointing("one", number=1)

    response = function(sqs_event(unreachable, sqs_record("small", "jobs", number=2)))

    assert (function.seen, response) == (["small"], failures(unreachable))


def test_where_nothing_can_be_fetched_nothing_is_handled() -> None:
    function = Function()
    function.shelf.broken.add("one")
    unreachable = pointing("one", number=1)

    assert function(sqs_event(unreachable)) == failures(unreachable)


def test_an_invocation_that_has_no_partial_response_fails_as_a_whole() -> None:
    function = Function()
    function.shelf.broken.add("one")

    with pytest.raises(InvocationFailed, match="payloads of 1 records"):
        function(sns_event(sns_record(POINTER % "one", "news", attributes={"ExtendedPayloadSize": 5})))


def test_what_holds_no_records_passes() -> None:
    function = Function()

    assert function({"Records": []}) == DONE
