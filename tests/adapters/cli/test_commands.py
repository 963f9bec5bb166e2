"""What each command says, to people and to machines, and what its exit code means."""

import io
import json
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from eventkit.testing import s3_event, s3_record, sqs_event, sqs_record
from tests.adapters.cli.conftest import Command

HEAVY = (
    "PIL",
    "aioboto3",
    "aiobotocore",
    "aiohttp",
    "boto3",
    "botocore",
    "eventkit",
    "eventkit_poller",
    "pydantic",
    "pydantic_settings",
)


def written(folder: Path, event: object) -> str:
    (folder / "event.json").write_text(json.dumps(event))
    return "event.json"


def test_help_imports_neither_an_sdk_nor_the_core() -> None:
    program = (
        "import sys; from eventkit_cli import main\n"
        "try: main(['--help'])\n"
        f"finally: print(sorted(set({HEAVY!r}) & set(sys.modules)), file=sys.stderr)"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert "Exit codes:" in done.stdout
    assert done.stderr.strip() == "[]"


@pytest.mark.parametrize("name", ["run", "dev", "streams", "routes", "invoke", "explain"])
def test_each_command_has_an_example(command: Command, name: str) -> None:
    result = command(name, "--help")

    assert result.code == 0
    assert f"\n    eventkit {name} blog.app:app" in result.out


def test_a_missing_extra_is_a_sentence() -> None:
    program = "import sys; sys.modules['typer'] = None; from eventkit_cli import main; main()"

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert "python -m pip install 'eventkit-aws[cli]'" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", [["routs"], ["routes"], ["run", "blog.app:app", "--nothing"]])
def test_wrong_usage_exits_with_2(command: Command, arguments: list[str]) -> None:
    assert command(*arguments).code == 2


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["run", "blog.app:app", "--via", "photos"], "write RESOURCE=sqs:QUEUE"),
        (["run", "blog.app:app", "--concurrency", "0"], "concurrency=0: it must be at least 1"),
        (["run", "blog.app:app", "--backend", "kafka://"], "there is no backend for 'kafka'"),
        (["run", "blog.app:app", "--backend", "sqs://?x=1"], "write sqs://"),
        (["generate", "helm", "blog.app:app"], "'helm' cannot be generated: write kubernetes or ecs"),
        (["generate", "kubernetes", "blog.queues:app"], "pass --image"),
        (["generate", "ecs", "blog.app:app", "--least", "5", "--most", "2"], "most=2"),
        (["generate", "ecs", "blog.app:app"], "by leases in a table: set EVENTKIT_LEASES"),
        (["generate", "ecs", "blog.queues:app", "--check", "x"], "--check compares mappings, and not ecs"),
        (["generate", "mappings", "blog.shop:app", "--check", "x"], "x cannot be read"),
        (["invoke", "blog.app:app", "nothing.json"], "nothing.json cannot be read: No such file"),
        (["invoke", "blog.app:app", "blog/app.py"], "blog/app.py does not hold JSON"),
        (["explain", "blog.app:app", "blog"], "blog cannot be read"),
    ],
)
def test_wrong_configuration_is_a_sentence(command: Command, arguments: list[str], sentence: str) -> None:
    result = command(*arguments)

    assert result.code == 2
    assert sentence in result.err
    assert "Traceback" not in result.err


def test_documents_are_generated_from_the_app_and_its_settings(
    command: Command, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVENTKIT_CONCURRENCY", "50")
    where = ("--region", "eu-west-1", "--account", "123456789012")

    shown = command("generate", "kubernetes", "blog.queues:app", "--image", "blog:1", *where)
    command("generate", "ecs", "blog.queues:app", *where, "--output", "blog.yaml")

    assert (shown.code, shown.err) == (0, "")
    yaml: Any = import_module("yaml")
    deployment = next(one for one in yaml.safe_load_all(shown.out) if one["kind"] == "Deployment")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert {"name": "EVENTKIT_CONCURRENCY", "value": "50"} in container["env"]
    assert "AWS::ECS::Service" in (folder / "blog.yaml").read_text()


def test_mappings_are_generated_as_json(command: Command) -> None:
    told = command("generate", "mappings", "blog.shop:app").json

    assert list(told) == ["table:orders", "stream:clicks"]
    assert (told["stream:clicks"]["StartingPosition"], told["stream:clicks"]["BatchSize"]) == ("LATEST", 10)


def test_mappings_are_compared_with_those_of_an_account(command: Command, folder: Path) -> None:
    told = command("generate", "mappings", "blog.shop:app").json
    arns = {
        "table:orders": "arn:aws:dynamodb:eu-west-1:123456789012:table/orders/stream/2026-01-01T00:00:00.000",
        "stream:clicks": "arn:aws:kinesis:eu-west-1:123456789012:stream/clicks",
    }
    right = [{"EventSourceArn": arns[name], **mapping} for name, mapping in told.items()]
    wrong = [right[0], {**right[1], "BatchSize": 100}]

    good, bad = (
        command("generate", "mappings", "blog.shop:app", "--check", written(folder, {"EventSourceMappings": mappings}))
        for mappings in (right, wrong)
    )

    assert (good.code, good.out) == (0, "The event source mappings are as the app needs them.\n")
    assert (bad.code, bad.out) == (2, "")
    assert "\n  stream:clicks: BatchSize is 100 and should be 10: " in bad.err


def test_routes_of_streams_say_how_they_are_read(command: Command) -> None:
    shown, told = command("routes", "blog.shop:app").out.splitlines(), command("routes", "blog.shop:app", "--json").json

    assert shown[1].endswith("its stream")
    assert shown[2].endswith("its shards (start LATEST, batch 10, retries 2)")
    assert told["routes"][1]["sources"][0]["stream"] == {
        "start": "LATEST",
        "batch": 10,
        "window": 0.0,
        "retries": 2,
        "max_age": None,
        "bisect": True,
        "parallel": 1,
        "ordered_by_key": False,
    }


def test_routes_are_listed_with_what_brings_their_events(command: Command) -> None:
    result = command("routes", "blog.app:app")

    lines = result.out.splitlines()
    assert lines[0].split() == ["route", "takes", "sends", "to", "runs", "polled", "from"]
    assert lines[1].startswith("plan")
    assert (
        "ObjectCreated of bucket photos where the key has prefix 'uploads/' and the key has suffix '.jpg'" in lines[1]
    )
    assert lines[1].endswith("queue blog-photos")
    assert lines[2].split("  ")[0] == "make"
    assert lines[3].strip() == "timeout 30 s"
    assert lines[4].strip() == "4 at once"
    assert lines[-1].endswith("its stream")


def test_routes_show_physical_names_and_carriers(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVENTKIT_QUEUE_JOBS", "acme-jobs")

    out = command("routes", "blog.app:app", "--via", "photos=sqs:media-events").out

    assert "queue jobs (acme-jobs)" in out
    assert "queue acme-jobs" in out
    assert "queue media-events" in out


def test_routes_are_json_for_a_machine(command: Command) -> None:
    told = command("routes", "blog.app:app", "--json").json

    assert told["app"] == "blog"
    assert told["unmatched"] is None
    assert told["routes"][1] == {
        "name": "make",
        "handler": "blog.app:make",
        "sources": [
            {
                "kind": "queue",
                "name": "jobs",
                "physical": "jobs",
                "events": ["Message"],
                "condition": None,
                "queue": "jobs",
            }
        ],
        "to": {"kind": "topic", "name": "posts", "physical": "posts"},
        "retry": {"base": 2, "cap": 60, "factor": 2.0},
        "timeout": 30,
        "concurrency": 4,
    }
    assert told["routes"][3]["sources"][0]["queue"] is None


def test_an_app_without_routes_says_so(command: Command, folder: Path) -> None:
    (folder / "empty.py").write_text("from eventkit import App\napp = App('empty')\n")

    assert command("routes", "empty:app").out == "The app 'empty' has no routes.\n"


def test_an_event_is_invoked_and_what_it_publishes_is_shown(command: Command, folder: Path) -> None:
    photo = s3_event(s3_record("ObjectCreated:Put", "photos", "uploads/a b.jpg", size=7))

    result = command("invoke", "blog.app:app", written(folder, sqs_event(sqs_record(photo, "blog-photos"))))

    assert result.code == 0
    assert "  plan  done  (" in result.out
    assert "sqs:blog-photos → s3:photos uploads/a b.jpg" in result.out
    assert result.out.splitlines()[-1] == 'published to queue jobs: {"id":7}'


def test_a_record_that_is_not_done_makes_it_1_and_leaves_its_neighbours(command: Command, folder: Path) -> None:
    event = sqs_event(*(sqs_record({"id": number}, "jobs", number=number + 9) for number in (1, 0, -5)))

    result = command("invoke", "blog.app:app", written(folder, event))

    assert result.code == 1
    assert "  make  done  (" in result.out
    assert "  make  rejected: nothing to do  (" in result.out
    assert ", ValueError at blog/app.py:" in result.out
    assert "      ValueError: s3cret -5" in result.out
    assert "Traceback" not in result.out + result.err
    assert result.err == ""


def test_an_invocation_is_json_for_a_machine(command: Command, folder: Path) -> None:
    event = sqs_event(*(sqs_record({"id": number}, "jobs", number=number + 9) for number in (1, 0, -5)))

    result = command("invoke", "blog.app:app", written(folder, event), "--json")

    told = result.json
    assert result.code == 1
    assert told["done"] is False
    assert [record["outcome"] for record in told["records"]] == ["done", "reject", "retry"]
    assert told["records"][1]["reason"] == "nothing to do"
    assert told["records"][2]["error"] == "ValueError"
    assert told["records"][2]["deliveries"][0]["handler"] == "make"
    assert told["published"] == [
        {
            "kind": "topic",
            "address": "posts",
            "text": '{"id":1}',
            "group": None,
            "deduplication_id": None,
            "attributes": {},
        }
    ]
    assert "s3cret" not in result.out


def test_an_event_is_read_from_standard_input(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    event = json.dumps(sqs_event(sqs_record({"id": 1}, "jobs"))).encode()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(event)))

    assert command("invoke", "blog.app:app", "-").code == 0


def test_an_idempotent_route_is_invoked_once_for_a_key(command: Command, folder: Path) -> None:
    twice = [sqs_record({"id": 1}, "jobs"), sqs_record({"id": 1}, "jobs")]

    result = command("invoke", "blog.once:app", written(folder, sqs_event(*twice)), "--json")

    assert result.code == 0
    assert [record["outcome"] for record in result.json["records"]] == ["done", "done"]
    assert [one["text"] for one in result.json["published"]] == ['{"id":1}']


def test_what_would_be_refused_is_not_shown_as_published(command: Command, folder: Path) -> None:
    (folder / "large.py").write_text(
        "from eventkit import App, Queue, Topic\n"
        "app = App('large')\n"
        "@app.on(Queue[str]('texts'), to=Topic[str]('news'))\n"
        "def repeat(text: str) -> str:\n"
        "    return text * 300_000\n"
    )

    result = command("invoke", "large:app", written(folder, sqs_event(sqs_record("x", "texts"))))

    assert result.code == 1
    assert "MessageTooLargeError" in result.out
    assert "published" not in result.out


def test_what_is_no_event_cannot_be_invoked(command: Command, folder: Path) -> None:
    result = command("invoke", "blog.app:app", written(folder, {"hello": "s3cret"}))

    assert result.code == 1
    assert result.err.startswith("eventkit: this is not an event of SQS, SNS, S3")
    assert "s3cret" not in result.err


def test_a_lifespan_that_fails_shows_its_own_lines_alone(command: Command, folder: Path) -> None:
    (folder / "failing.py").write_text(
        "from contextlib import asynccontextmanager\n"
        "from eventkit import App\n"
        "@asynccontextmanager\n"
        "async def lifespan(app):\n"
        "    raise RuntimeError('no database')\n"
        "    yield\n"
        "app = App('failing', lifespan=lifespan)\n"
    )

    result = command("invoke", "failing:app", written(folder, sqs_event()))

    assert result.code == 1
    assert result.err.splitlines() == [
        "eventkit: the app stopped with an error",
        "  failing.py:5 in lifespan",
        "      raise RuntimeError('no database')",
        "  RuntimeError: no database",
    ]


def test_an_event_is_explained_and_nothing_runs(command: Command, folder: Path) -> None:
    event = sqs_event(sqs_record({"id": -1}, "jobs"))

    result = command("explain", "blog.app:app", written(folder, event))

    assert result.code == 0
    assert "    make takes it: it is Message of queue 'jobs'\n" in result.out
    assert "    so it goes to make\n" in result.out


def test_an_explanation_is_json_for_a_machine(command: Command, folder: Path) -> None:
    event = written(folder, s3_event(s3_record("ObjectCreated:Put", "photos", "a.gif")))

    told = command("explain", "blog.app:app", event, "--json").json

    assert told["records"][0]["events"][0]["routes"][0]["verdict"] == "passes"


def test_what_is_no_event_is_explained_with_1(command: Command, folder: Path) -> None:
    result = command("explain", "blog.app:app", written(folder, {}), "--json")

    assert result.code == 1
    assert "this is not an event" in result.json["error"]


def test_names_that_would_command_a_terminal_are_escaped(command: Command, folder: Path) -> None:
    event = s3_event(s3_record("ObjectCreated:Put", "photos", "uploads/\x1b[2J\u202e.jpg"))

    out = command("invoke", "blog.app:app", written(folder, event)).out

    assert "uploads/\\x1b[2J\\u202e.jpg" in out
    assert "\x1b" not in out


def test_completion_is_offered() -> None:
    command = str(Path(sys.executable).with_name("eventkit"))
    environment = os.environ | {"_EVENTKIT_COMPLETE": "source_bash"}  # --show-completion asks which shell it runs in

    done = subprocess.run([command], capture_output=True, text=True, check=False, env=environment)

    assert "_EVENTKIT_COMPLETE=complete_bash" in done.stdout
