"""Local functions: real processes under AWS's own runtime client."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from http import HTTPStatus
from pathlib import Path
from typing import cast

import pytest

from eventkit.errors import ConfigurationError, MissingExtraError
from eventkit_local._http import Request, Response, parse_head, serve
from eventkit_local._runtime_server import FunctionError, RuntimeServer, Work
from eventkit_local._sandbox import Function
from eventkit_local.runtime_api import Invocation, LocalLambda
from tests.adapters.local.processes import eventually, is_running

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="AWS's runtime client has wheels for Linux only")

FUNCTIONS = """
import os
import signal
import sys
import time

STARTED = time.monotonic()


def echo(event, context):
    return event


def fail(event, context):
    raise LookupError(f"no {event}")


def sleep(event, context):
    print(f"sleeping {event}")
    time.sleep(event)
    return os.getpid()


def leave(event, context):
    os._exit(event)


def pid(event, context):
    return os.getpid()


def context(event, context):
    return {
        "remaining": context.get_remaining_time_in_millis(),
        "name": context.function_name,
        "memory": context.memory_limit_in_mb,
        "version": context.function_version,
        "arn": context.invoked_function_arn,
        "request": context.aws_request_id,
    }


def environment(event, context):
    return dict(os.environ)


def big(event, context):
    return "x" * event


def raw(event, context):
    return b"\\x00\\xff"


def unserialisable(event, context):
    return object()
"""

TIDY = """
import signal
import sys
import time


def close(number, frame):
    print("closing ünder way")
    time.sleep(0.2)
    print("closed")
    sys.exit(0)


signal.signal(signal.SIGTERM, close)


def handler(event, context):
    return event
"""


@pytest.fixture
def code(tmp_path: Path) -> Path:
    (tmp_path / "functions.py").write_text(FUNCTIONS)
    (tmp_path / "tidy.py").write_text(TIDY)
    (tmp_path / "stubborn.py").write_text(TIDY.replace("0.2", "60"))
    (tmp_path / "broken.py").write_text("import a_module_that_is_not_there\n")
    (tmp_path / "raising.py").write_text("raise ValueError('at import')\n")
    (tmp_path / "leaving.py").write_text("import sys\nsys.exit(7)\n")
    return tmp_path


def members(invocation: Invocation) -> dict[str, object]:
    payload: object = invocation.payload
    assert isinstance(payload, dict)
    return cast("dict[str, object]", payload)


async def once(handler: str, event: object, code: Path) -> Invocation:
    async with LocalLambda(handler, task_root=code) as function:
        return await function.invoke(event)


@pytest.mark.parametrize("event", [{"grüße": ["日本", 1.5, None]}, [], "", 0, None, True])
async def test_the_handler_gets_the_event_and_its_value_comes_back(code: Path, event: object) -> None:
    invocation = await once("functions.echo", event, code)

    assert invocation.error is None
    assert invocation.payload == event


async def test_a_megabyte_goes_in_and_comes_out(code: Path) -> None:
    event = {"text": "ü" * 1_000_000}

    invocation = await once("functions.echo", event, code)

    assert invocation.payload == event


async def test_bytes_that_are_no_json_come_back_as_they_are(code: Path) -> None:
    invocation = await once("functions.raw", None, code)

    assert invocation.payload == b"\x00\xff"


async def test_an_exception_is_an_error_with_its_trace(code: Path) -> None:
    invocation = await once("functions.fail", "bread", code)

    assert invocation.payload is None
    assert invocation.error is not None
    assert (invocation.error.error_type, invocation.error.message) == ("LookupError", "no bread")
    assert "functions.py" in invocation.error.stack_trace[-1]


async def test_a_value_that_is_no_json_is_an_error(code: Path) -> None:
    invocation = await once("functions.unserialisable", None, code)

    assert invocation.error is not None
    assert invocation.error.error_type == "Runtime.MarshalError"


async def test_a_failing_handler_keeps_its_process(code: Path) -> None:
    async with LocalLambda("functions.fail", task_root=code) as function:
        first = await function.invoke("bread")
        second = await function.invoke("butter")

    assert (first.cold, second.cold) == (True, False)
    assert second.error is not None
    assert second.error.message == "no butter"


async def test_one_that_is_late_is_killed_and_the_next_is_cold(code: Path) -> None:
    async with LocalLambda("functions.sleep", timeout=0.3, task_root=code) as function:
        late = await function.invoke(30)
        next_one = await function.invoke(0)

    assert late.error == FunctionError(
        "Sandbox.Timedout", f"RequestId: {late.request_id} Error: Task timed out after 0.30 seconds"
    )
    assert 0.3 <= late.duration < 5
    assert next_one.cold
    assert next_one.error is None
    assert function.logs.splitlines() == ["sleeping 30", "sleeping 0"]


async def test_an_invocation_may_have_a_time_of_its_own(code: Path) -> None:
    async with LocalLambda("functions.context", timeout=0.5, task_root=code) as function:
        invocation = await function.invoke(None, timeout=60)

    remaining = members(invocation)["remaining"]
    assert isinstance(remaining, int)
    assert 50_000 < remaining <= 60_000


async def test_the_handler_sees_its_deadline_and_its_function(code: Path) -> None:
    async with LocalLambda(
        "functions.context", timeout=20, memory=512, function_name="thumbnails", task_root=code
    ) as function:
        invocation = await function.invoke(None)

    seen = members(invocation)
    remaining = seen.pop("remaining")
    assert isinstance(remaining, int)
    assert 15_000 < remaining <= 20_000
    assert seen == {
        "name": "thumbnails",
        "memory": "512",
        "version": "$LATEST",
        "arn": "arn:aws:lambda:us-east-1:000000000000:function:thumbnails",
        "request": invocation.request_id,
    }


async def test_the_variables_are_lambdas_and_the_callers_but_no_credentials(
    code: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "the caller's")
    monkeypatch.setenv("AWS_PROFILE", "the caller's")

    async with LocalLambda("functions.environment", environment={"TABLE": "todos"}, task_root=code) as function:
        seen = members(await function.invoke(None))

    assert "the caller's" not in seen.values()
    assert seen["TABLE"] == "todos"
    assert (seen["_HANDLER"], seen["LAMBDA_TASK_ROOT"]) == ("functions.environment", str(code))
    assert str(seen["_X_AMZN_TRACE_ID"]).startswith("Root=1-")


def test_folders_to_import_from_stay_where_they_are(tmp_path: Path) -> None:
    function = Function("module.handler", {}, 3.0, 128, "function", tmp_path)

    variables = function.variables("127.0.0.1:1", {"PYTHONPATH": f"src{os.pathsep}"})

    assert variables["PYTHONPATH"].split(os.pathsep) == [str(tmp_path), str(Path("src").absolute())]


@pytest.mark.parametrize(
    ("handler", "error_type", "message"),
    [
        ("broken.handler", "Runtime.ImportModuleError", "a_module_that_is_not_there"),
        ("functions.absent", "Runtime.HandlerNotFound", "Handler 'absent' missing"),
        ("raising.handler", "ValueError", "at import"),
        ("leaving.handler", "Runtime.ExitError", "Runtime exited with error: exit status 7"),
    ],
)
async def test_a_failed_initialisation_is_reported_each_time(
    code: Path, handler: str, error_type: str, message: str
) -> None:
    async with LocalLambda(handler, task_root=code) as function:
        invocations = [await function.invoke(None) for _ in range(2)]

    for invocation in invocations:
        assert invocation.cold
        assert invocation.error is not None
        assert invocation.error.error_type == error_type
        assert message in invocation.error.message


async def test_an_initialisation_that_failed_works_once_it_is_repaired(code: Path) -> None:
    async with LocalLambda("broken.handler", task_root=code) as function:
        failed = await function.invoke(1)
        (code / "broken.py").write_text("def handler(event, context):\n    return event + 1\n")
        repaired = await function.invoke(1)

    assert failed.error is not None
    assert repaired.payload == 2


@pytest.mark.parametrize(("status", "how"), [(0, "without providing a reason"), (3, "with error: exit status 3")])
async def test_a_process_that_exits_is_an_error_and_the_next_is_cold(code: Path, status: int, how: str) -> None:
    async with LocalLambda("functions.leave", task_root=code) as function:
        invocations = [await function.invoke(status) for _ in range(2)]

    for invocation in invocations:
        assert invocation.cold
        assert invocation.error is not None
        assert invocation.error.error_type == "Runtime.ExitError"
        assert invocation.error.message.endswith(how)


async def test_a_process_that_died_between_invocations_is_replaced(code: Path) -> None:
    async with LocalLambda("functions.pid", task_root=code) as function:
        first = (await function.invoke(None)).payload
        assert isinstance(first, int)
        os.kill(first, signal.SIGKILL)
        second = await function.invoke(None)
        if second.error is not None:  # it was handed the event before its death was known
            second = await function.invoke(None)

    assert second.error is None
    assert second.payload != first


async def test_invocations_run_one_after_another_in_one_process(code: Path) -> None:
    async with LocalLambda("functions.sleep", task_root=code) as function:
        invocations = await asyncio.gather(*(function.invoke(0.05) for _ in range(4)))

    assert len({invocation.payload for invocation in invocations}) == 1
    assert [invocation.cold for invocation in invocations] == [True, False, False, False]


async def test_a_cancelled_invocation_ends_its_process(code: Path) -> None:
    async with LocalLambda("functions.sleep", timeout=30, task_root=code) as function:
        await function.invoke(0)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await function.invoke(30)
        after = await function.invoke(0)

    assert after.cold
    assert after.error is None


async def test_leaving_lets_the_function_close_what_it_holds(code: Path) -> None:
    async with LocalLambda("tidy.handler", task_root=code) as function:
        await function.invoke(None)

    assert {"closing ünder way", "closed"} <= set(function.logs.splitlines())


async def test_a_function_that_stays_is_killed_after_two_seconds(code: Path) -> None:
    async with LocalLambda("stubborn.handler", task_root=code) as function:
        await function.invoke(None)
        left = time.monotonic()

    assert 1.5 < time.monotonic() - left < 6
    assert "closing" in function.logs
    assert "closed" not in function.logs


STARTER = """
import asyncio, sys
from pathlib import Path
from eventkit_local.runtime_api import LocalLambda

async def main():
    async with LocalLambda("functions.pid", task_root=Path(sys.argv[1])) as function:
        print((await function.invoke(None)).payload, flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""


def test_a_function_ends_with_a_starter_that_is_killed(code: Path) -> None:
    command = [sys.executable, "-c", STARTER, str(code)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        pid = int(starter.stdout.readline())
        assert is_running(pid)

        starter.kill()

    assert eventually(lambda: not is_running(pid))


async def test_a_warm_invocation_does_not_wait_for_an_acknowledgement(code: Path) -> None:
    async with LocalLambda("functions.echo", task_root=code) as function:
        durations = [(await function.invoke(number)).duration for number in range(20)]

    assert min(durations) < 0.03, "Nagle's algorithm and delayed acknowledgements cost 40 ms each time"


async def test_a_function_is_used_inside_its_block(code: Path) -> None:
    function = LocalLambda("functions.echo", task_root=code)

    with pytest.raises(ConfigurationError, match="async with"):
        await function.invoke(None)


async def test_a_missing_runtime_client_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "awslambdaric", None)

    with pytest.raises(MissingExtraError, match="local"):
        async with LocalLambda("functions.echo"):
            pass


async def test_the_api_refuses_what_it_did_not_ask_for() -> None:
    server = RuntimeServer()
    server.submit(Work(b"{}", 3.0, "arn"))

    stale = await server.handle(Request("POST", "/2018-06-01/runtime/invocation/another/response", {}))
    unknown = await server.handle(Request("GET", "/elsewhere", {}))

    assert (stale.status, unknown.status) == (400, 404)


async def test_an_error_that_is_no_json_keeps_the_type_of_its_header() -> None:
    server = RuntimeServer()
    work = Work(b"{}", 3.0, "arn")
    server.submit(work)

    await server.handle(
        Request("POST", "/2018-06-01/runtime/init/error", {"lambda-runtime-function-error-type": "Init.Odd"}, b"?")
    )

    assert work.answer.result() == FunctionError("Init.Odd", "")


def test_names_of_headers_are_in_lower_case_and_values_bare() -> None:
    request = parse_head(b"POST /a HTTP/1.1\r\nContent-LENGTH:  3 \r\nX: a:b\r\n\r\n")

    assert request == Request("POST", "/a", {"content-length": "3", "x": "a:b"})


@pytest.mark.parametrize(
    "sent",
    [
        b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello",
        b"POST / HTTP/1.1\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;note=x\r\nllo\r\n0\r\nTrailer: 1\r\n\r\n",
    ],
)
async def test_a_body_is_read_by_length_or_by_chunks(sent: bytes) -> None:
    async def echo(request: Request) -> Response:
        return Response(HTTPStatus.OK, request.body)

    async with serve(echo) as address:
        host, _, port = address.partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(sent * 2)  # a connection serves one request after another
        answers = [await reader.readuntil(b"hello") for _ in range(2)]
        writer.close()
        await writer.wait_closed()

    assert all(b"HTTP/1.1 200 OK\r\n" in answer for answer in answers)
