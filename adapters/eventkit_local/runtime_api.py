"""Lambda on this machine: a function under AWS's own runtime client, with AWS's errors and deadlines."""

import asyncio
import importlib.util
import json
import os
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import IO, Self

from eventkit.errors import ConfigurationError, MissingExtraError
from eventkit_local._runtime_server import Answer, FunctionError, Work
from eventkit_local._sandbox import Function, Sandbox

__all__ = ["FunctionError", "Invocation", "LocalLambda"]

_NO_VARIABLES: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Invocation:
    """What came of one invocation.

    Attributes:
        payload: What the handler returned, parsed from JSON; `bytes` where it returned bytes that are no JSON; None
            where it failed.
        error: Why it failed, or None.
        duration: Seconds from taking the event to answering; with a function that never took it, from the call.
        request_id: Lambda's name for it, `context.aws_request_id`.
        cold: Whether a process was started for it.
    """

    payload: object
    error: FunctionError | None
    duration: float
    request_id: str
    cold: bool


class LocalLambda:
    """A Lambda function on this machine, as an async context manager.

    It behaves as one execution environment: invocations run one after another, the first starts the process (a cold
    start), a failing handler keeps it, and a timeout, an exit or a failed initialisation ends it, so that the next
    invocation is cold again. On leaving, the function gets SIGTERM and has two seconds to close what it holds.

    Args:
        handler: `package.module.function`, as in Lambda's configuration.
        environment: The function's variables; they come over those that Lambda defines. Variables of the calling
            process are inherited except AWS's own.
        timeout: Seconds that an invocation may take.
        memory: MiB that the function is told it has; nothing limits it.
        function_name: Its name, also part of its ARN.
        task_root: The folder that the function starts and is imported from; the current one by default.

    Raises:
        MissingExtraError: On entering: `awslambdaric`, AWS's runtime client, is not installed.
    """

    def __init__(
        self,
        handler: str,
        *,
        environment: Mapping[str, str] = _NO_VARIABLES,
        timeout: float = 3.0,  # Lambda's default
        memory: int = 128,
        function_name: str = "function",
        task_root: Path | None = None,
    ) -> None:
        root = (task_root or Path.cwd()).absolute()
        self._function = Function(handler, dict(environment), timeout, memory, function_name, root)
        self._turn = asyncio.Lock()
        self._sandbox: Sandbox | None = None
        self._log: IO[bytes] | None = None
        self._said = b""

    async def __aenter__(self) -> Self:
        if importlib.util.find_spec("awslambdaric") is None:
            raise MissingExtraError("awslambdaric", "local")
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed on leaving
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        async with self._turn:
            with self._opened() as log:
                await self._discard()
                self._said, self._log = _contents(log), None

    @property
    def logs(self) -> str:
        """All that the function has printed on standard output and standard error so far."""
        return (self._said if self._log is None else _contents(self._log)).decode(errors="replace")

    async def invoke(self, event: object, *, timeout: float | None = None) -> Invocation:  # noqa: ASYNC109 - the function's, not the call's
        """Invoke the function with an event and wait for its answer; an error of the function is not raised.

        Args:
            event: Anything that JSON can express.
            timeout: Seconds that this invocation may take, instead of the function's.

        Raises:
            ConfigurationError: The function has not been entered, or has been left.
            TypeError: The event is no JSON.
        """
        seconds = self._function.timeout if timeout is None else timeout
        work = Work(json.dumps(event).encode(), seconds, self._function.arn)
        async with self._turn:
            cold = self._sandbox is None or not self._sandbox.alive
            sandbox = await self._ready()
            called = time.monotonic()
            answer = await sandbox.run(work)
            started = work.taken.result() if work.taken.done() else called
            return _invocation(work, answer, time.monotonic() - started, cold=cold)

    async def _ready(self) -> Sandbox:
        """Give a living sandbox; the former one, or a new one."""
        if self._sandbox is None or not self._sandbox.alive:
            log = self._opened()
            await self._discard()
            self._sandbox = await Sandbox.start(self._function, log.fileno())
        return self._sandbox

    async def _discard(self) -> None:
        sandbox, self._sandbox = self._sandbox, None
        if sandbox is not None:
            await sandbox.stop()

    def _opened(self) -> IO[bytes]:
        if self._log is None:
            raise ConfigurationError("a LocalLambda is used inside its own `async with` block")
        return self._log


def _contents(log: IO[bytes]) -> bytes:
    """Read without moving the position, which the function's process shares and writes at."""
    return os.pread(log.fileno(), os.fstat(log.fileno()).st_size, 0)


def _invocation(work: Work, answer: Answer, duration: float, *, cold: bool) -> Invocation:
    if isinstance(answer, FunctionError):
        return Invocation(None, answer, duration, work.request_id, cold)
    return Invocation(_parsed(answer), None, duration, work.request_id, cold)


def _parsed(body: bytes) -> object:
    try:
        return json.loads(body)
    except ValueError:
        return body
