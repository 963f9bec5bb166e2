"""The embedded emulator: made once, on the loopback interface only, and gone with whoever started it."""

import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest

from eventkit.errors import BackendError, ConfigurationError
from eventkit_local._environment import VERSION, environment_folder
from eventkit_local.emulator import Emulator, ensure_environment, start_emulator
from tests.adapters.local.processes import eventually, group, is_running, listening

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the emulator runs on Linux and macOS")
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with start_emulator() as emulator:
        yield emulator


def sqs(emulator: Emulator, action: str, **members: object) -> dict[str, object]:
    """Call SQS as an SDK does, without one."""
    connection = http.client.HTTPConnection(emulator.endpoint_url.removeprefix("http://"), timeout=30)
    headers = {
        "X-Amz-Target": f"AmazonSQS.{action}",
        "Content-Type": "application/x-amz-json-1.0",
        "Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/sqs/aws4_request",
    }
    try:
        connection.request("POST", "/", json.dumps(members), headers)
        response = connection.getresponse()
        assert response.status == 200
        return cast("dict[str, object]", json.loads(response.read()))
    finally:
        connection.close()


def test_a_message_travels_through_a_queue(emulator: Emulator) -> None:
    url = sqs(emulator, "CreateQueue", QueueName="letters")["QueueUrl"]

    sqs(emulator, "SendMessage", QueueUrl=url, MessageBody="grüße")

    received = sqs(emulator, "ReceiveMessage", QueueUrl=url, WaitTimeSeconds=5)["Messages"]
    assert isinstance(received, list)
    assert [message["Body"] for message in cast("list[dict[str, object]]", received)] == ["grüße"]


def test_a_reset_forgets_every_queue(emulator: Emulator) -> None:
    sqs(emulator, "CreateQueue", QueueName="forgotten")

    emulator.reset()

    assert not sqs(emulator, "ListQueues").get("QueueUrls")


def test_an_sdk_finds_it_by_environment_variables(emulator: Emulator) -> None:
    program = "import boto3; print(boto3.client('sqs').create_queue(QueueName='found')['QueueUrl'])"

    done = subprocess.run(
        [sys.executable, "-c", program], env=os.environ | emulator.environ, capture_output=True, text=True, check=True
    )

    assert done.stdout.strip().endswith("/found")


@on_linux
def test_it_listens_on_the_loopback_interface_only(emulator: Emulator) -> None:
    sqs(emulator, "ListQueues")

    places = {place for pid in group(emulator.pid) for place in listening(pid)}

    loopback = "0100007F"
    assert places == {(loopback, int(emulator.endpoint_url.rpartition(":")[2]))}


def test_two_at_once_have_a_port_each(emulator: Emulator) -> None:
    with start_emulator() as other:
        sqs(other, "CreateQueue", QueueName="elsewhere")

        assert other.endpoint_url != emulator.endpoint_url
        assert not sqs(emulator, "ListQueues", QueueNamePrefix="elsewhere").get("QueueUrls")


def test_a_port_that_is_taken_is_named(emulator: Emulator) -> None:
    port = int(emulator.endpoint_url.rpartition(":")[2])

    with pytest.raises(ConfigurationError, match=f"port {port}"), start_emulator(port=port):
        pass


def test_settings_reach_it() -> None:
    with start_emulator(settings={"LOG_LEVEL": "INFO"}) as emulator:
        assert "Ready" in emulator.log_tail()


def test_variables_of_the_caller_do_not_reach_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOG_LEVEL", "INFO")
    monkeypatch.setenv("BIND_HOST", "0.0.0.0")  # noqa: S104 - what must not happen

    with start_emulator() as emulator:
        assert emulator.log_tail() == ""


def test_one_that_does_not_start_shows_its_log() -> None:
    with (
        pytest.raises(BackendError, match=r"(?s)did not start.*not-a-number"),
        start_emulator(settings={"MINISTACK_DOCKER_TIMEOUT": "not-a-number"}),
    ):
        pass


def test_a_release_that_is_too_old_is_refused() -> None:
    with (
        pytest.raises(BackendError, match=r"ministack 1\.4\.21"),
        start_emulator(settings={"MINISTACK_VERSION": "1.4.21"}),
    ):
        pass


def test_leaving_ends_it_and_clears_its_folder() -> None:
    with start_emulator() as emulator:
        scratch = emulator.log.parent

    assert not is_running(emulator.pid)
    assert not scratch.exists()
    with pytest.raises(BackendError, match="does not answer"):
        emulator.reset()


STARTER = """
import sys, time
from eventkit_local.emulator import start_emulator

with start_emulator() as emulator:
    print(emulator.pid, emulator.log.parent, flush=True)
    {then}
"""


@pytest.fixture
def starter() -> Iterator[Callable[[str], "subprocess.Popen[str]"]]:
    """Give a function that starts a Python process that starts an emulator."""
    started: list[subprocess.Popen[str]] = []

    def start(then: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", STARTER.format(then=then)]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def announced(process: "subprocess.Popen[str]") -> tuple[int, Path]:
    assert process.stdout is not None
    pid, scratch = process.stdout.readline().split()
    return int(pid), Path(scratch)


@on_linux
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_it_ends_with_a_starter_that_is_killed(
    starter: Callable[[str], "subprocess.Popen[str]"], number: signal.Signals
) -> None:
    process = starter("time.sleep(60)")
    pid, scratch = announced(process)
    assert is_running(pid)

    process.send_signal(number)

    assert eventually(lambda: not is_running(pid))
    assert eventually(lambda: not scratch.exists())


@on_linux
@pytest.mark.parametrize("then", ["sys.exit(3)", "raise ValueError", "import os; os._exit(0)"])
def test_it_ends_with_a_starter_that_ends(starter: Callable[[str], "subprocess.Popen[str]"], then: str) -> None:
    process = starter(then)
    pid, scratch = announced(process)

    process.wait(timeout=15)

    assert eventually(lambda: not is_running(pid))
    assert eventually(lambda: not scratch.exists())


@on_linux
def test_the_functions_that_it_runs_end_with_it(emulator_with_a_function: tuple[int, int]) -> None:
    leader, starter_pid = emulator_with_a_function
    members = group(leader)
    assert len(members) > 1

    os.kill(starter_pid, signal.SIGKILL)

    assert eventually(lambda: not any(is_running(pid) for pid in members))


FUNCTION = """
import io, zipfile, boto3
archive = io.BytesIO()
with zipfile.ZipFile(archive, "w") as files:
    files.writestr("function.py", "def handler(event, context): return event")
client = boto3.client("lambda", endpoint_url=emulator.endpoint_url, region_name="us-east-1",
                      aws_access_key_id="test", aws_secret_access_key="test")
client.create_function(FunctionName="echo", Runtime="python3.11", Handler="function.handler",
                       Role="arn:aws:iam::000000000000:role/any", Code=dict(ZipFile=archive.getvalue()))
print(client.invoke(FunctionName="echo", Payload=b"1")["Payload"].read(), flush=True)
time.sleep(60)
"""


@pytest.fixture
def emulator_with_a_function(starter: Callable[[str], "subprocess.Popen[str]"]) -> tuple[int, int]:
    process = starter("\n    ".join(FUNCTION.strip().splitlines()))
    pid, _ = announced(process)
    assert process.stdout is not None
    assert process.stdout.readline() == "b'1'\n"
    return pid, process.pid


def test_the_environment_is_made_once() -> None:
    ensure_environment()
    said: list[str] = []

    python = ensure_environment(said.append)

    assert python == environment_folder(os.environ) / "bin" / "python"
    assert said == []


def test_the_environment_lies_where_the_user_says() -> None:
    name = f"ministack-{VERSION}-py3.{sys.version_info.minor}"

    assert environment_folder({"EVENTKIT_CACHE": "/a", "XDG_CACHE_HOME": "/b"}) == Path("/a") / name
    assert environment_folder({"XDG_CACHE_HOME": "/b"}) == Path("/b/eventkit") / name
    assert environment_folder({}) == Path.home() / ".cache" / "eventkit" / name


def test_the_constraints_name_the_release_that_is_checked() -> None:
    constraints = Path(ensure_environment.__code__.co_filename).with_name("ministack-constraints.txt").read_text()

    assert f"ministack=={VERSION}" in constraints.splitlines()
    assert all("==" in line or line.startswith("#") for line in constraints.splitlines())


def test_what_an_interrupted_attempt_left_is_made_again_and_a_failure_of_pip_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    folder = tmp_path / "environment"
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").touch()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))

    with pytest.raises(ConfigurationError, match=r"(?s)status 1.*ministack"):
        ensure_environment(said.append, folder=folder)

    assert "done once" in said[0]
    assert (folder / "pyvenv.cfg").exists()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(ConfigurationError, match="EVENTKIT_CACHE"):
        ensure_environment(folder=tmp_path / "file" / "environment")


def test_a_python_that_cannot_make_environments_is_told_how(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ensurepip", None)  # what Debian leaves out

    with pytest.raises(ConfigurationError, match=r"no ensurepip.*python3-venv"):
        ensure_environment(folder=tmp_path / "environment")
