"""Clients of SQS, SNS and S3 that answer from a script, and remember what they were asked."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

Answer = Mapping[str, Any] | Exception
Answers = Sequence[Answer] | Callable[[dict[str, Any]], Answer]

ARN = "arn:aws:sqs:eu-west-1:123456789012:jobs"
URL = "https://sqs.eu-west-1.amazonaws.com/123456789012/jobs"


def refusal(code: str, operation: str = "Operation") -> ClientError:
    """What botocore raises when AWS refuses; the text holds what no log may show."""
    return ClientError({"Error": {"Code": code, "Message": "the secret payload"}}, operation)


class FakeClient:
    """A client of any service: `answers` maps a method to its answers in turn, the last for good, or to a function."""

    def __init__(self, **answers: Answers) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self._answers = {name: one if callable(one) else list(one) for name, one in answers.items()}

    def requests(self, method: str) -> list[dict[str, Any]]:
        return [request for name, request in self.calls if name == method]

    def __getattr__(self, method: str) -> Callable[..., Awaitable[Mapping[str, Any]]]:
        async def verb(**request: Any) -> Mapping[str, Any]:  # noqa: ANN401
            self.calls.append((method, request))
            answer = self._answer(method, request)
            if isinstance(answer, Exception):
                raise answer
            return answer

        return verb

    def _answer(self, method: str, request: dict[str, Any]) -> Answer:
        answers = self._answers[method]
        if callable(answers):
            return answers(request)
        return answers.pop(0) if len(answers) > 1 else answers[0]


def sqs(**answers: Answers) -> FakeClient:
    """A client of SQS that knows the queue `jobs`."""
    known: dict[str, Answers] = {
        "get_queue_url": [{"QueueUrl": URL}],
        "get_queue_attributes": [{"Attributes": {"QueueArn": ARN}}],
    }
    return FakeClient(**(known | answers))
