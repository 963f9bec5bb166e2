"""`eventkit dev` opens what a module `dev` beside the app's has around the app."""

import os
import signal
import subprocess
import urllib.request
from pathlib import Path

import pytest

from tests.adapters.cli.processes import EVENTKIT, running

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the emulator runs on Linux and macOS")

APP = """
import os
from contextlib import asynccontextmanager

from eventkit import App, Bucket, ObjectCreated


@asynccontextmanager
async def lifespan(app):
    print("lifespan with", os.environ["GREETING"])
    yield


app = App("hello", lifespan=lifespan)


@app.on(Bucket("photos").created())
def work(photo: ObjectCreated) -> None: ...
"""

SERVICES = """
import os
from contextlib import asynccontextmanager

import aioboto3

from eventkit_local.mailbox import open_mailbox
from eventkit_local.serving import serving


async def api(scope, receive, send):
    if scope["type"] != "lifespan":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"hello"})
        return
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


@asynccontextmanager
async def services(session):
    os.environ["GREETING"] = "hello"
    async with serving(api) as url, open_mailbox(session.aws.smtp) as mailbox:
        async with aioboto3.Session().client("sesv2") as ses:
            await ses.create_email_identity(EmailIdentity="blog@example.org")
            content = {"Simple": {"Subject": {"Data": "Hello"}, "Body": {"Text": {"Data": "Ada"}}}}
            to = {"ToAddresses": ["ada@example.org"]}
            await ses.send_email(FromEmailAddress="blog@example.org", Destination=to, Content=content)
        (mail,) = await mailbox.wait_for("ada@example.org")
        print(f"mail of {mail.sender}: {mail.subject}")
        yield {"api": url, "mailbox": mailbox.url}
    print("services are closed")
"""


@pytest.fixture
def hello(folder: Path) -> Path:
    package = folder / "hello"
    package.mkdir()
    (package / "app.py").write_text(APP)
    return package


def test_services_are_open_while_the_app_is_developed(environ: dict[str, str], hello: Path) -> None:
    (hello / "dev.py").write_text(SERVICES)

    with running(environ, "dev", "hello.app:app") as child:
        api = child.line("^  api ").split()[-1]
        assert child.saw("^  mailbox  http://127.0.0.1:")
        assert child.saw("^mail of blog@example.org: Hello$")
        assert child.saw("^lifespan with hello$")
        assert child.saw("^Deliveries, until Ctrl-C:")
        with urllib.request.urlopen(api) as response:  # noqa: S310 - it is the address that was printed
            assert response.read() == b"hello"
        code = child.stop(signal.SIGINT)

    assert child.saw("services are closed")
    assert code == 0


def test_an_app_without_a_module_for_it_has_no_services(environ: dict[str, str], hello: Path) -> None:
    (hello.parent / "dev.py").write_text("raise RuntimeError('not beside the app')")

    done = subprocess.run(
        [*EVENTKIT, "dev", "hello.app:app", "--seconds", "0.1"],
        capture_output=True,
        text=True,
        env={**environ, "GREETING": "hi"},
        check=True,
    )

    assert "lifespan with hi" in done.stdout


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("import no_such_module_of_mine", "the module 'hello.dev' cannot be imported"),
        ("services = 17", "services in the module dev beside hello.app is no function of a session"),
    ],
)
def test_services_that_cannot_be_opened_are_told_of(
    environ: dict[str, str], hello: Path, source: str, sentence: str
) -> None:
    (hello / "dev.py").write_text(source)

    done = subprocess.run([*EVENTKIT, "dev", "hello.app:app"], capture_output=True, text=True, env=environ, check=False)

    assert done.returncode == 2
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_an_account_gets_no_services(environ: dict[str, str], hello: Path) -> None:
    (hello / "dev.py").write_text("print('imported')")

    done = subprocess.run(
        [*EVENTKIT, "dev", "hello.app:app", "--aws", "--seconds", "0.1"],
        capture_output=True,
        text=True,
        env={**environ, "AWS_ENDPOINT_URL": "http://127.0.0.1:9", "GREETING": "hi"},
        timeout=60,
        check=False,
    )

    assert "lifespan with hi" in done.stdout
    assert "imported" not in done.stdout
