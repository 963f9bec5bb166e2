"""The command as a process: signals, exit codes, colours, and nothing left behind."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from eventkit_local.emulator import Emulator, start_emulator
from tests.adapters.cli.processes import EVENTKIT, Child, running
from tests.adapters.local.clients import client
from tests.adapters.local.processes import eventually, is_running

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals and terminals as POSIX has them")


QUEUES = "memory://?queue=jobs:jobs-dlq&queue=blog-photos:p-dlq&queue=blog-posts:t-dlq"


def on_a_terminal(environ: dict[str, str], *arguments: str) -> str:
    """What a command writes to a terminal."""
    master, slave = pty.openpty()
    with subprocess.Popen([*EVENTKIT, *arguments], stdout=slave, stderr=slave, stdin=slave, env=environ) as process:
        os.close(slave)
        written = b""
        try:
            while chunk := os.read(master, 4096):
                written += chunk
        except OSError:  # Linux says so when nobody has the other end any more
            pass
        process.wait(30)
    os.close(master)
    return written.decode()


def test_colours_are_for_terminals_and_obey_no_color(environ: dict[str, str]) -> None:
    environ = {**environ, "TERM": "xterm"}
    arguments = ("routes", "blog.app:nothing")

    assert "\x1b[1;31meventkit: " in on_a_terminal(environ, *arguments)
    assert "\x1b" not in on_a_terminal({**environ, "NO_COLOR": "1"}, *arguments)
    assert "\x1b" not in on_a_terminal({**environ, "TERM": "dumb"}, *arguments)
    done = subprocess.run([*EVENTKIT, *arguments], capture_output=True, text=True, env=environ, check=False)
    assert "\x1b" not in done.stdout + done.stderr
    assert done.returncode == 2


def test_help_has_no_colours_elsewhere(environ: dict[str, str]) -> None:
    done = subprocess.run([*EVENTKIT, "--help"], capture_output=True, text=True, env=environ, check=True)

    assert "\x1b" not in done.stdout


def test_a_terminal_that_knows_no_arrows_gets_question_marks(environ: dict[str, str], folder: Path) -> None:
    environ |= {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    command = [*EVENTKIT, "routes", "other:app"]
    (folder / "other.py").write_text(
        "from eventkit import *\napp = App('x')\n"
        "@app.on(Bucket('b').created(prefix='ü'))\ndef plan(photo: ObjectCreated) -> None: ...\n"
    )

    done = subprocess.run(command, capture_output=True, text=True, env=environ, check=True)

    assert "the key has prefix '?'" in done.stdout


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_run_polls_until_a_signal_and_sums_up(environ: dict[str, str], number: signal.Signals) -> None:
    with running(environ, "run", "blog.queues:app", "--backend", QUEUES, "--wait", "1") as child:
        started = json.loads(child.line("poller.started"))
        code = child.stop(number)

    assert started["app"] == "blog"
    assert code == 0
    assert not any("checkpoints.volatile" in line for line in child.err)  # it reads no streams
    assert child.saw("blog has stopped. It received no records.")
    assert child.saw('"event": "poller.stopped"')


ONCE = ("run", "blog.once:app", "--backend", "memory://?queue=jobs:jobs-dlq", "--wait", "1")


def test_run_opens_the_store_that_idempotent_routes_need(environ: dict[str, str]) -> None:
    with running(environ, *ONCE, "--store", "memory://") as child:
        assert child.saw("poller.started")
        code = child.stop(signal.SIGTERM)

    assert code == 0
    assert child.saw("once has stopped.")


def test_run_without_a_store_says_what_idempotent_routes_need(environ: dict[str, str]) -> None:
    done = subprocess.run([*EVENTKIT, *ONCE], capture_output=True, text=True, env=environ, check=False)

    assert done.returncode == 2
    assert "work is idempotent, and this runtime was given no store" in done.stderr
    assert "set EVENTKIT_STORE to dynamodb://TABLE" in done.stderr
    assert "Traceback" not in done.stderr


def test_run_shows_its_log_to_people_where_that_is_asked_for(environ: dict[str, str]) -> None:
    arguments = ("--backend", QUEUES, "--wait", "1", "--log-format", "text")

    with running(environ, "run", "blog.queues:app", *arguments) as child:
        assert child.saw(r"\d\d:\d\d:\d\d  info     poller\.started  app=blog")
        child.stop(signal.SIGTERM)


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with start_emulator() as emulator:
        yield emulator


def endpoint(child: Child) -> str:
    return child.line(r"^AWS at ").split()[-1]


def put(url: str, key: str) -> None:
    """Put an object by another process, as the command suggests."""
    program = f"import boto3; boto3.client('s3').put_object(Bucket='photos', Key={key!r}, Body=b'abc')"
    subprocess.run([sys.executable, "-c", program], env={**os.environ, "AWS_ENDPOINT_URL": url}, check=True)


def in_queues(url: str) -> set[tuple[str, str]]:
    """How many messages are left in each queue, and in flight."""
    sqs = client("sqs", url)
    found = [
        sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
        for queue in sqs.list_queues()["QueueUrls"]
    ]
    return {(one["ApproximateNumberOfMessages"], one["ApproximateNumberOfMessagesNotVisible"]) for one in found}


def test_dev_shows_a_delivery_and_leaves_nothing_behind(environ: dict[str, str]) -> None:
    with running(environ, "dev", "blog.app:app") as child:
        url = endpoint(child)
        assert child.saw("Deliveries, until Ctrl-C:")
        emulators = children_of(child.process.pid)
        put(url, "uploads/a b.jpg")
        delivery = child.line("plan  ")
        assert child.saw("make  done")
        assert child.saw("tell  done")
        code = child.stop(signal.SIGINT)

    assert re.search(
        r"^\d\d:\d\d:\d\d  plan  done  \(\d+ ms, attempt 1\)  "
        r"sqs:blog-photos → sns:blog-photos → s3:photos uploads/a b\.jpg$",
        delivery,
    )
    assert code == 0
    assert child.saw(r"blog has stopped. It received 4 records: 4 done\.")
    assert child.saw("queue blog-failures, for what is given up of tables and streams")
    assert child.err == []
    assert emulators or sys.platform != "linux"
    assert eventually(lambda: not any(map(is_running, emulators)))


def children_of(pid: int) -> set[int]:
    """The processes that a process has started; none where there is no /proc."""
    stats = {int(entry.name): entry / "stat" for entry in Path("/proc").glob("[0-9]*")}
    found: set[int] = set()
    for child, stat in stats.items():
        with suppress(FileNotFoundError, ProcessLookupError):
            if int(stat.read_text().rpartition(")")[2].split()[1]) == pid:
                found.add(child)
    return found


def test_dev_uses_an_emulator_that_runs_and_leaves_nothing_in_flight(
    environ: dict[str, str], emulator: Emulator
) -> None:
    with running({**environ, "AWS_ENDPOINT_URL": emulator.endpoint_url}, "dev", "blog.app:app") as child:
        assert endpoint(child) == emulator.endpoint_url
        assert child.saw("Deliveries")
        put(emulator.endpoint_url, "uploads/a.jpg")
        assert child.saw("tell  done")
        code = child.stop(signal.SIGTERM)

    assert code == 0
    assert in_queues(emulator.endpoint_url) == {("0", "0")}


def put_order(url: str, table: str, **item: str) -> None:
    """Put an item by another process."""
    values = {name: {"S": value} for name, value in item.items()}
    program = f"import boto3; boto3.client('dynamodb').put_item(TableName={table!r}, Item={values!r})"
    subprocess.run([sys.executable, "-c", program], env={**os.environ, "AWS_ENDPOINT_URL": url}, check=True)


def test_dev_delivers_a_row_that_another_process_puts(environ: dict[str, str], emulator: Emulator) -> None:
    emulator.reset()
    with running({**environ, "AWS_ENDPOINT_URL": emulator.endpoint_url}, "dev", "blog.shop:app") as child:
        assert child.saw("Deliveries")
        put_order(emulator.endpoint_url, "orders", id="a")
        delivery = child.line("welcome  done")
        put_order(emulator.endpoint_url, "orders", id="b", total="many")
        rejected = child.line("welcome  rejected")
        assert eventually(lambda: ("1", "0") in in_queues(emulator.endpoint_url))
        code = child.stop(signal.SIGINT)

    assert delivery.rstrip().endswith("dynamodb:orders")
    assert "does not fit Order" in rejected
    assert child.saw(r"table orders, its key id \(S\), with a stream")
    assert child.saw("stream clicks, with 2 shards")
    assert child.saw(r"shop has stopped. It received 2 records: 1 done, 1 rejected\.")
    assert (code, child.err[1:]) == (0, [])  # the log tells of the rejected one alone


def test_dev_suggests_a_command_for_a_table_that_works(environ: dict[str, str]) -> None:
    with running(environ, "dev", "blog.shop:app") as child:
        suggestion = child.line("import boto3")
        subprocess.run(suggestion, shell=True, check=True, env=environ)  # noqa: S602 - what a person would do

        assert child.saw("welcome  done")
        child.stop(signal.SIGINT)

    assert 'put_item(TableName="orders"' in suggestion


def test_dev_ends_by_itself_after_so_many_seconds(environ: dict[str, str]) -> None:
    with running(environ, "dev", "blog.app:app", "--seconds", "0.5") as child:
        assert child.process.wait(30) == 0

    assert child.saw("blog has stopped")


def test_dev_suggests_a_command_that_works(environ: dict[str, str]) -> None:
    with running(environ, "dev", "blog.app:app") as child:
        suggestion = child.line("import boto3")
        subprocess.run(suggestion, shell=True, check=True, env=environ)  # noqa: S602 - what a person would do

        assert child.saw("make  done")
        child.stop(signal.SIGINT)

    assert "uploads/example.jpg" in suggestion


@pytest.mark.parametrize(
    ("endpoint_url", "code", "sentence"),
    [
        ("http://emulator.example:4566", 2, "pass --provision if that is what you want"),
        ("http://127.0.0.1:9", 3, "the service could not be reached"),
    ],
)
def test_dev_says_why_it_cannot(environ: dict[str, str], endpoint_url: str, code: int, sentence: str) -> None:
    done = subprocess.run(
        [*EVENTKIT, "dev", "blog.app:app"],
        capture_output=True,
        text=True,
        env={**environ, "AWS_ENDPOINT_URL": endpoint_url},
        check=False,
    )

    assert done.returncode == code
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_dev_looks_for_the_module_before_it_starts_anything(environ: dict[str, str]) -> None:
    done = subprocess.run([*EVENTKIT, "dev", "blgo.app:app"], capture_output=True, text=True, env=environ, check=False)

    assert done.returncode == 2
    assert "did you mean 'blog'?" in done.stderr
    assert done.stdout == ""


def test_clients_that_a_module_makes_on_import_reach_the_emulator(environ: dict[str, str], folder: Path) -> None:
    source = (folder / "blog" / "app.py").read_text()
    eager = "import boto3\nprint('import', boto3.client('s3').meta.endpoint_url)\n"
    (folder / "blog" / "app.py").write_text(eager + source)

    with running(environ, "dev", "blog.app:app", "--seconds", "0.5") as child:
        child.process.wait(30)

    assert child.line("^import ").split()[1] == endpoint(child)


def test_dev_with_an_account_makes_nothing_unless_it_is_told_to(environ: dict[str, str], emulator: Emulator) -> None:
    emulator.reset()
    environ |= emulator.environ
    sqs = client("sqs", emulator.endpoint_url)

    dev = [*EVENTKIT, "dev", "blog.queues:app", "--aws", "--seconds", "0.5"]
    subprocess.run(dev, env=environ, check=True)

    assert not sqs.list_queues().get("QueueUrls")

    subprocess.run([*dev, "--provision"], env=environ, check=True)

    assert len(sqs.list_queues()["QueueUrls"]) == 6  # no table, so no queue for what is given up of one
