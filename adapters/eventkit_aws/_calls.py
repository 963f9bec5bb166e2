"""Calls to AWS: the one place where AWS's errors, and those of the network, become `BackendError`."""

from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol, cast

from eventkit.errors import BackendError, EventkitError, ExpiredCursorError, ThrottledError, TrimmedDataError

__all__ = [
    "BlockingClient",
    "Call",
    "EventsClient",
    "SnsClient",
    "SqsClient",
    "blocking",
    "call",
    "code_of",
    "is_passing",
    "on_demand",
    "opened_on_demand",
    "translated",
]

Call = Callable[..., Awaitable[Mapping[str, object]]]
"""A client's method: takes the request's members as keyword arguments, gives the response's."""


class SqsClient(Protocol):
    """What is called of an SQS client; aioboto3's is one, and `blocking(client)` of boto3's."""

    @property
    def get_queue_url(self) -> Call: ...
    @property
    def get_queue_attributes(self) -> Call: ...
    @property
    def receive_message(self) -> Call: ...
    @property
    def delete_message_batch(self) -> Call: ...
    @property
    def change_message_visibility_batch(self) -> Call: ...
    @property
    def send_message_batch(self) -> Call: ...


class SnsClient(Protocol):
    """What is called of an SNS client; aioboto3's is one, and `blocking(client)` of boto3's."""

    @property
    def list_topics(self) -> Call: ...
    @property
    def publish_batch(self) -> Call: ...


class EventsClient(Protocol):
    """What is called of an EventBridge client; aioboto3's is one, and `blocking(client)` of boto3's."""

    @property
    def describe_event_bus(self) -> Call: ...
    @property
    def put_events(self) -> Call: ...


class BlockingClient(SqsClient, SnsClient, EventsClient, Protocol):
    """A client of boto3 whose calls can be awaited; it has those that its service has."""


class _Blocking:
    def __init__(self, client: Callable[[], object]) -> None:
        self._make = client
        self._made: object = None

    def __getattr__(self, name: str) -> Call:
        async def verb(**request: object) -> Mapping[str, object]:
            if self._made is None:
                self._made = self._make()
            return cast("Mapping[str, object]", getattr(self._made, name)(**request))

        return verb


def blocking(client: object) -> BlockingClient:
    """A boto3 client whose calls can be awaited, each made inline: right where nothing else runs, as in Lambda."""
    return on_demand(lambda: client)


def on_demand(client: Callable[[], object]) -> BlockingClient:
    """The same for a client that is made at the first call."""
    return cast("BlockingClient", _Blocking(client))


class _Opened:
    def __init__(self, client: Callable[[], Awaitable[object]]) -> None:
        self._open = client
        self._opened: object = None

    def __getattr__(self, name: str) -> Call:
        async def verb(**request: object) -> Mapping[str, object]:
            client = self._opened or await self._open()  # two callers at once may both open one
            self._opened = client
            return cast("Mapping[str, object]", await getattr(client, name)(**request))

        return verb


def opened_on_demand(client: Callable[[], Awaitable[object]]) -> BlockingClient:
    """A client of aioboto3 that is opened at the first call."""
    return cast("BlockingClient", _Opened(client))


async def call(verb: Call, what: str, **request: object) -> dict[str, Any]:
    """The response to one request. Raises `BackendError`; `what` names operation and target in its text."""
    with translated(what):
        return cast("dict[str, Any]", await verb(**request))


@contextmanager
def translated(what: str) -> Generator[None]:
    """Turn whatever a client raises into `BackendError`, or one that says more, with the error as its cause.

    Only the error's code is told: its own text may repeat what was sent.
    """
    try:
        yield
    except EventkitError:
        raise
    except Exception as error:
        code = code_of(error)
        raise _kind_of(code)(f"{what} failed: {code}{_HINTS.get(code, '')}") from error


def code_of(error: BaseException | None) -> str:
    """AWS's code of an error, without its namespace; of other errors, and of what they caused, the type's name."""
    if isinstance(error, BackendError):
        error = error.__cause__
    response = getattr(error, "response", None)  # of botocore's ClientError
    fields = cast("dict[str, dict[str, str]]", response) if isinstance(response, dict) else {}
    code = fields.get("Error", {}).get("Code") or type(error).__name__
    return code.rpartition(".")[2]


def is_passing(error: BackendError) -> bool:
    """Whether the same request may succeed in a moment: the service failed or throttled it, or was not reached."""
    response = cast("dict[str, dict[str, int]]", getattr(error.__cause__, "response", None) or {})
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", SERVER_ERROR)
    return status >= SERVER_ERROR or isinstance(error, ThrottledError)


def _kind_of(code: str) -> type[BackendError]:
    return ThrottledError if "throttl" in code.lower() else _KINDS.get(code, BackendError)


SERVER_ERROR = 500

_KINDS = {
    "ExpiredIteratorException": ExpiredCursorError,
    "LimitExceededException": ThrottledError,
    "ProvisionedThroughputExceededException": ThrottledError,
    "RequestLimitExceeded": ThrottledError,
    "TooManyRequestsException": ThrottledError,
    "TrimmedDataAccessException": TrimmedDataError,
}

_NO_QUEUE = "; there is no such queue in this account and Region"
_HINTS = {
    "QueueDoesNotExist": _NO_QUEUE,
    "NonExistentQueue": _NO_QUEUE,
    "ResourceNotFoundException": "; what it names is not in this account and Region",
    "NoCredentialsError": "; AWS found no credentials: set AWS_PROFILE, or give the process a role",
    "NoRegionError": "; set AWS_REGION, or write ?region=… into the URL",
    "AccessDenied": "; the process's role lacks the permission",
    "AccessDeniedException": "; the process's role lacks the permission",
    "AuthorizationError": "; the process's role lacks the permission",
    "EndpointConnectionError": "; the service could not be reached",
    "InvalidClientTokenId": "; AWS does not know these credentials",
    "UnrecognizedClientException": "; AWS does not know these credentials",
}
