"""What `eventkit run` is told, by options and by the environment."""

import subprocess
import sys
from collections.abc import Mapping

import pytest

from eventkit import ConfigurationError
from eventkit.stores import STORE
from eventkit.streams.leases import LEASES
from eventkit_cli.logs import Level, LogFormat
from eventkit_cli.settings import Choice, RunSettings, as_variables, choices, read_settings, require_known
from eventkit_poller import Settings
from tests.adapters.cli.conftest import Command
from tests.docs.pages import ROOT

REFERENCE = (ROOT / "docs" / "reference.md").read_text("utf-8")


def test_nothing_chosen_is_the_default() -> None:
    assert read_settings({}, {}) == (RunSettings(), Settings())


def test_each_setting_of_the_poller_is_read_from_its_variable() -> None:
    environ = {
        "EVENTKIT_CONCURRENCY": "50",
        "EVENTKIT_WAIT": "5.5",
        "EVENTKIT_STORE": "redis://cache:6379/0",
        "EVENTKIT_LEASES": "dynamodb://leases",
        "EVENTKIT_WORKERS": "3",
        "EVENTKIT_HEALTH": "0.0.0.0:8080",
        "EVENTKIT_BACKEND": "sqs://?region=eu-west-1",
        "EVENTKIT_LOG_FORMAT": "json",
        "EVENTKIT_LOG_LEVEL": "debug",
        "EVENTKIT_WEIGHTS": "jobs=3, photos=0.5",
        "EVENTKIT_QUEUE_JOBS": "acme-jobs",
        "EVENTKIT_DRAIN": "",
    }

    run, poller = read_settings(environ, {})

    places = ("sqs://?region=eu-west-1", "redis://cache:6379/0", "dynamodb://leases")
    assert run == RunSettings(*places, 3, "0.0.0.0:8080", LogFormat.JSON, Level.DEBUG)
    assert poller == Settings(concurrency=50, wait=5.5, weights={"jobs": 3.0, "photos": 0.5})


def test_an_option_wins_over_its_variable() -> None:
    _, poller = read_settings({"EVENTKIT_WAIT": "5", "EVENTKIT_BATCH": "2"}, {"wait": "7"})

    assert (poller.wait, poller.batch) == (7, 2)


def test_what_was_chosen_can_be_handed_on_as_an_environment() -> None:
    run = RunSettings("memory://", "memory://", "dynamodb://leases", 2, "[::1]:80", LogFormat.TEXT, Level.ERROR)
    poller = Settings(concurrency=3, flush=0.25, weights={"jobs": 2.0, "photos": 1.0})

    assert read_settings(as_variables(run, poller), {}) == (run, poller)
    assert read_settings({"EVENTKIT_HEALTH": "x:1"} | as_variables(RunSettings(), poller), {}) == (
        RunSettings(),
        poller,
    )


@pytest.mark.parametrize(
    ("environ", "options", "sentence"),
    [
        ({"EVENTKIT_CONCURRENCY": "ten"}, {}, "EVENTKIT_CONCURRENCY=ten: it must be a whole number"),
        ({"EVENTKIT_CONCURRENCY": "1.5"}, {}, "EVENTKIT_CONCURRENCY=1.5: it must be a whole number"),
        ({"EVENTKIT_WAIT": "long"}, {}, "EVENTKIT_WAIT=long: it must be a number"),
        ({"EVENTKIT_DRAIN": "nan"}, {}, "EVENTKIT_DRAIN=nan: it must be a number"),
        ({"EVENTKIT_WAIT": "30"}, {}, "EVENTKIT_WAIT=30.0: it must be from 1 to 20"),
        ({"EVENTKIT_WAIT": "3"}, {"wait": "30"}, "--wait=30.0: it must be from 1 to 20"),
        ({}, {"workers": "0"}, "--workers=0: it must be at least 1"),
        (
            {"EVENTKIT_LOG_LEVEL": "loud"},
            {},
            "EVENTKIT_LOG_LEVEL=loud: it must be 'debug', 'info', 'warning' or 'error'",
        ),
        ({"EVENTKIT_HEALTH": "here"}, {}, "EVENTKIT_HEALTH=here: 'here' is no address to listen on: write 8080"),
        (
            {"EVENTKIT_WEIGHTS": "jobs"},
            {},
            "EVENTKIT_WEIGHTS=jobs: write NAME=NUMBER, several with commas between them",
        ),
        ({"EVENTKIT_WEIGHTS": "jobs=big"}, {}, "EVENTKIT_WEIGHTS jobs=big: it must be a number"),
        (
            {"EVENTKIT_WAIT": "x", "EVENTKIT_BATCH": "y"},
            {},
            "EVENTKIT_WAIT=x: it must be a number; EVENTKIT_BATCH=y: it must be a whole number",
        ),
    ],
)
def test_a_bad_value_is_a_sentence_that_says_where_it_was_chosen(
    environ: Mapping[str, str], options: Mapping[str, str], sentence: str
) -> None:
    with pytest.raises(ConfigurationError) as raised:
        read_settings(environ, options)

    assert str(raised.value).startswith(sentence)


@pytest.mark.parametrize(
    ("variable", "sentence"),
    [
        ("EVENTKIT_CONCURENCY", "EVENTKIT_CONCURENCY is no setting; did you mean EVENTKIT_CONCURRENCY?"),
        ("EVENTKIT_QUEU_JOBS", "EVENTKIT_QUEU_JOBS is no setting; did you mean EVENTKIT_QUEUE_JOBS?"),
        ("EVENTKIT_ONFAILURE", "EVENTKIT_ONFAILURE is no setting; did you mean EVENTKIT_ON_FAILURE?"),
        ("EVENTKIT_wait", "EVENTKIT_wait is no setting"),
        ("EVENTKIT_ZZZ", "EVENTKIT_ZZZ is no setting"),
        ("EVENTKIT_VIA_", "EVENTKIT_VIA_ is no setting"),
    ],
)
def test_an_unknown_variable_is_refused_with_the_nearest_that_is_known(variable: str, sentence: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        require_known({variable: "1", "PATH": "/bin"})

    assert str(raised.value).startswith(sentence)


def test_the_store_of_a_poller_is_chosen_as_in_lambda() -> None:
    run, _ = read_settings({STORE: "memory://"}, {})

    assert run.store == "memory://"


def test_leases_are_called_as_everywhere_else_and_are_forgotten_unless_they_are_in_a_table() -> None:
    default, _ = read_settings({}, {})
    chosen, _ = read_settings({LEASES: "dynamodb://leases"}, {})

    assert (default.leases, default.forgets) == ("memory://", True)
    assert (chosen.leases, chosen.forgets) == ("dynamodb://leases", False)


def test_what_belongs_to_a_family_is_known_as_is_what_others_read() -> None:
    families = ("BUCKET_A", "TABLE_A", "QUEUE_A_B", "TOPIC_A", "VIA_A")

    require_known({f"EVENTKIT_{name}": "x" for name in (*families, "ON_FAILURE", "CACHE", "STORE", "WAIT", "HOLD")})


def test_the_command_refuses_unknown_variables_and_bad_values(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVENTKIT_CONCURENCY", "5")
    unknown = command("run", "blog.app:app")
    monkeypatch.delenv("EVENTKIT_CONCURENCY")
    monkeypatch.setenv("EVENTKIT_BATCH", "11")
    bad = command("run", "blog.app:app")

    assert (unknown.code, bad.code) == (2, 2)
    assert "did you mean EVENTKIT_CONCURRENCY?" in unknown.err
    assert bad.err == "eventkit: EVENTKIT_BATCH=11: it must be from 1 to 10\n"


def test_an_unknown_option_is_refused_with_the_nearest_that_is_known(command: Command) -> None:
    result = command("run", "blog.app:app", "--concurency", "5")

    assert result.code == 2
    assert "--concurrency" in result.err


@pytest.mark.parametrize("choice", [pytest.param(choice, id=choice.name) for choice in choices()])
def test_each_setting_is_an_option_and_a_variable_that_the_help_and_the_reference_name(
    command: Command, choice: Choice
) -> None:
    told = " ".join(command("run", "--help").out.split())

    assert choice.help.split(".")[0] in told
    assert f"env var: {choice.variable}" in told
    assert f" {choice.option} " in told
    assert f"`{choice.variable}`" in REFERENCE
    assert f"| `{choice.option} " in REFERENCE or f"| `{choice.option}`" in REFERENCE


def test_a_missing_extra_is_a_sentence() -> None:
    program = (
        "import sys; sys.modules['pydantic_settings'] = None; from eventkit_cli import main; main(['run', 'a:app'])"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert "python -m pip install 'eventkit-aws[poller]'" in done.stderr
    assert "Traceback" not in done.stderr
