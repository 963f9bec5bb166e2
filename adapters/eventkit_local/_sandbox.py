"""One execution environment of a local function: AWS's runtime client in a process, and the API that it polls."""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from eventkit_local._http import serve
from eventkit_local._runtime_server import Answer, FunctionError, RuntimeServer, Work

# "Lambda execution environment lifecycle": initialisation may take 10 s, and shutdown 2 s before the process is killed.
_INIT_SECONDS = 10.0
_SHUTDOWN_SECONDS = 2.0
_ACCOUNT = "000000000000"
_GUARD = Path(__file__).with_name("_guard.py")


@dataclass(frozen=True, slots=True)
class Function:
    """What a function is made of; the members are those of `LocalLambda`."""

    handler: str
    environment: Mapping[str, str]
    timeout: float
    memory: int
    name: str
    task_root: Path

    @property
    def region(self) -> str:
        """The region that the function believes to run in."""
        return self.environment.get("AWS_REGION", "us-east-1")

    @property
    def arn(self) -> str:
        """The name that AWS would give the function."""
        return f"arn:aws:lambda:{self.region}:{_ACCOUNT}:function:{self.name}"

    def variables(self, api: str, inherited: Mapping[str, str]) -> dict[str, str]:
        """Compose the environment of the process ("Defined runtime environment variables").

        Of what is inherited, AWS's variables are left out: the function must not meet the credentials of whoever
        starts it. `environment` decides over all but the address of the API, `host:port`.
        """
        ours = {name: value for name, value in inherited.items() if not name.startswith("AWS_")}
        elsewhere = filter(None, inherited.get("PYTHONPATH", "").split(os.pathsep))
        path = os.pathsep.join([str(self.task_root), *map(os.path.abspath, elsewhere)])
        return {
            **ours,
            **_DEFAULTS,
            **self._facts(),
            "PYTHONPATH": path,
            **self.environment,
            "AWS_LAMBDA_RUNTIME_API": api,
        }

    def _facts(self) -> dict[str, str]:
        return {
            "AWS_DEFAULT_REGION": self.region,
            "AWS_REGION": self.region,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(self.memory),
            "AWS_LAMBDA_FUNCTION_NAME": self.name,
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{self.name}",
            "LAMBDA_TASK_ROOT": str(self.task_root),
            "_HANDLER": self.handler,
        }


_DEFAULTS: Mapping[str, str] = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",  # made up; the emulator takes any
    "AWS_CONFIG_FILE": os.devnull,
    # From 3.12 on the client lets a SIGTERM handler run while it waits for work; Python 3.11 claims that too.
    "AWS_EXECUTION_ENV": f"AWS_Lambda_python3.{max(12, sys.version_info.minor)}",
    "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
    "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
    "AWS_LAMBDA_LOG_STREAM_NAME": "local/[$LATEST]",
    "TZ": ":UTC",
}


class Sandbox:
    """A process that serves one invocation after another, until it fails or is stopped."""

    def __init__(self, process: asyncio.subprocess.Process, server: RuntimeServer, stack: AsyncExitStack) -> None:
        self._process = process
        self._server = server
        self._stack = stack
        self._exit = asyncio.ensure_future(process.wait())

    @classmethod
    async def start(cls, function: Function, log: int) -> Self:
        """Start a process whose output goes to the file descriptor `log`; its initialisation is not awaited."""
        async with AsyncExitStack() as stack:
            server = RuntimeServer()
            api = await stack.enter_async_context(serve(server.handle))
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", _GUARD, "", "awslambdaric", function.handler),
                stdin=asyncio.subprocess.PIPE,  # what the guard watches
                stdout=log,
                stderr=log,
                cwd=function.task_root,
                env=function.variables(api, os.environ),
                start_new_session=True,  # a Ctrl-C of the terminal is its starter's to handle
            )
            return cls(process, server, stack.pop_all())

    @property
    def alive(self) -> bool:
        """Whether it can take work."""
        return not self._exit.done()

    async def run(self, work: Work) -> Answer:
        """Have work done; what fails other than in the handler, or is cancelled, ends the process."""
        self._server.submit(work)
        try:
            answer = await self._answer(work)
        except BaseException:
            await self.stop(patience=0)
            raise
        if not (work.taken.done() and work.answer.done()):
            await self.stop(patience=0)
        return answer

    async def _answer(self, work: Work) -> Answer:
        prefix = f"RequestId: {work.request_id} Error:"
        if not await self._first(work.taken, work.answer, within=_INIT_SECONDS):
            return FunctionError("Sandbox.Timedout", f"{prefix} Init timed out after {_INIT_SECONDS:.2f} seconds")
        if not await self._first(work.answer, within=work.seconds):
            return FunctionError("Sandbox.Timedout", f"{prefix} Task timed out after {work.seconds:.2f} seconds")
        if not work.answer.done():
            return FunctionError("Runtime.ExitError", f"{prefix} Runtime exited {_how(self._exit.result())}")
        return work.answer.result()

    async def _first(self, *futures: asyncio.Future[float] | asyncio.Future[Answer], within: float) -> bool:
        """Wait until one is done or the process ends, and tell whether that was in time (seconds)."""
        done, _ = await asyncio.wait({*futures, self._exit}, timeout=within, return_when=asyncio.FIRST_COMPLETED)
        return len(done) > 0

    async def stop(self, *, patience: float = _SHUTDOWN_SECONDS) -> None:
        """End the process: SIGTERM, `patience` seconds for what the function has to close, SIGKILL for its group."""
        if patience > 0 and self.alive:
            self._process.terminate()
            await asyncio.wait({self._exit}, timeout=patience / 4)
            # The client's thread that asks for work keeps some from exiting when they are done, so it is cut off.
            await self._stack.aclose()
            await asyncio.wait({self._exit}, timeout=patience * 3 / 4)
        if self.alive:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        await self._exit
        await self._stack.aclose()


def _how(status: int) -> str:
    if status == 0:
        return "without providing a reason"
    reason = f"exit status {status}" if status > 0 else f"signal: {signal.strsignal(-status) or -status}".lower()
    return f"with error: {reason}"
