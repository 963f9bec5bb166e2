"""The server side of the Lambda Runtime API, for one execution environment.

The paths, headers and statuses are those of "Using the Lambda runtime API for custom runtimes" in AWS's documentation.
"""

import asyncio
import json
import time
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Self, cast
from uuid import uuid4

from eventkit_local._http import Request, Response

_ERROR_TYPE_HEADER = "lambda-runtime-function-error-type"
_ACCEPTED = Response(HTTPStatus.ACCEPTED, b'{"status":"OK"}')


@dataclass(frozen=True, slots=True)
class FunctionError:
    """Why an invocation failed, as Lambda reports it.

    Attributes:
        error_type: `errorType`: the class of the handler's exception, or one of Lambda's own, such as
            `Sandbox.Timedout`, `Runtime.ExitError` or `Runtime.ImportModuleError`.
        message: `errorMessage`.
        stack_trace: `stackTrace`, one entry for each frame, outermost first.
    """

    error_type: str
    message: str
    stack_trace: tuple[str, ...] = ()

    @classmethod
    def parse(cls, request: Request) -> Self:
        """Read what the runtime client posted; a member that is missing or of another type is left empty."""
        try:
            document: object = json.loads(request.body)
        except ValueError:
            document = None
        fields = cast("dict[str, object]", document) if isinstance(document, dict) else {}
        frames = fields.get("stackTrace")
        return cls(
            str(fields.get("errorType") or request.headers.get(_ERROR_TYPE_HEADER, "Unhandled")),
            str(fields.get("errorMessage") or ""),
            tuple(str(frame) for frame in cast("list[object]", frames)) if isinstance(frames, list) else (),
        )


Answer = bytes | FunctionError
"""What the handler returned, serialised by the runtime client, or why there is nothing."""


@dataclass(frozen=True, slots=True)
class Work:
    """One invocation on its way: the payload, how long it may take, and the futures that tell how far it is."""

    payload: bytes
    seconds: float
    function_arn: str
    request_id: str = field(default_factory=lambda: str(uuid4()))
    taken: asyncio.Future[float] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    """Set when the function takes it, to the monotonic time in seconds; its time runs from there."""
    answer: asyncio.Future[Answer] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def handed_out(self) -> Response:
        """Give it to the function, which sets its deadline."""
        self.taken.set_result(time.monotonic())
        root, segment = uuid4().hex, uuid4().hex[:16]
        return Response(
            HTTPStatus.OK,
            self.payload,
            {
                "Lambda-Runtime-Aws-Request-Id": self.request_id,
                "Lambda-Runtime-Deadline-Ms": str(int((time.time() + self.seconds) * 1000)),
                "Lambda-Runtime-Invoked-Function-Arn": self.function_arn,
                "Lambda-Runtime-Trace-Id": f"Root=1-{root[:8]}-{root[8:]};Parent={segment};Sampled=0",
            },
        )

    def settle(self, answer: Answer) -> None:
        """Take the first answer; another would come from a function that has already been given up."""
        if not self.answer.done():
            self.answer.set_result(answer)


class RuntimeServer:
    """Hands out the work that is submitted, one piece at a time, and takes its answers."""

    def __init__(self) -> None:
        self._inbox: asyncio.Queue[Work] = asyncio.Queue()
        self._current: Work | None = None

    def submit(self, work: Work) -> None:
        """Offer work, whose predecessor has been answered."""
        self._current = work
        self._inbox.put_nowait(work)

    async def handle(self, request: Request) -> Response:
        """Answer the runtime client; a request for work waits until there is some."""
        match request.method, request.path.strip("/").split("/"):
            case "GET", ["2018-06-01", "runtime", "invocation", "next"]:
                work = await self._inbox.get()
                return work.handed_out()
            case "POST", ["2018-06-01", "runtime", "invocation", request_id, "response"]:
                return self._settle(request_id, request.body)
            case "POST", ["2018-06-01", "runtime", "invocation", request_id, "error"]:
                return self._settle(request_id, FunctionError.parse(request))
            case "POST", ["2018-06-01", "runtime", "init", "error"]:
                # It comes before any work is taken, so it answers what waits.
                return self._settle(self._current.request_id if self._current else "", FunctionError.parse(request))
            case _:
                return _refusal(HTTPStatus.NOT_FOUND, "NotFound", request.path)

    def _settle(self, request_id: str, answer: Answer) -> Response:
        if self._current is None or self._current.request_id != request_id:
            return _refusal(HTTPStatus.BAD_REQUEST, "InvalidRequestID", request_id)
        self._current.settle(answer)
        return _ACCEPTED


def _refusal(status: HTTPStatus, kind: str, what: str) -> Response:
    return Response(status, json.dumps({"errorType": kind, "errorMessage": f"Invalid: {what}"}).encode())
