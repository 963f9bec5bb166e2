"""An app with everything that it needs, on this machine: what `eventkit dev` runs, for programs.

::

    async with dev_session(app, observe=print) as session, session.polling():
        ...  # put something into a bucket at session.aws.endpoint_url
"""

import os
from asyncio import TaskGroup
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass, field
from urllib.parse import urlencode

from eventkit.app import App
from eventkit.backends import Backend, open_backend
from eventkit.names import Names
from eventkit.stores.memory import MemoryStore
from eventkit_local.emulator import Progress, start_emulator
from eventkit_local.plan import Plan, plan_of
from eventkit_local.provision import Target, provision, require_permission
from eventkit_local.watch import Seen, Watch
from eventkit_poller import Observation, Poller, Settings, Settled, queues_of

__all__ = ["Aws", "Session", "account", "dev_session", "local_aws"]

WAIT = 1.0
"""Seconds that a receive waits: a stop waits for open ones, and nobody pays for receives here."""

DRAIN = 10.0
"""Seconds that running handlers get at a stop; whoever waits for it is a person."""

OVERRIDING = ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")
"""Variables that would lead an SDK past an emulator; so would any `AWS_ENDPOINT_URL_<SERVICE>`."""

MADE_UP = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}


def _silent(_: str) -> None:
    """Show progress to nobody."""


def _nobody(_: Seen) -> None:
    """Show deliveries to nobody."""


@dataclass(frozen=True, slots=True)
class Aws:
    """Where the app finds AWS.

    Attributes:
        endpoint_url: Of an emulator; None for AWS itself.
        environ: The environment variables that point another process there.
        anywhere: Whether to provision there although it is not on this machine.
    """

    endpoint_url: str | None
    environ: Mapping[str, str] = field(default_factory=dict[str, str])
    anywhere: bool = False

    @property
    def target(self) -> Target:
        """Where to provision."""
        return Target(self.endpoint_url, self.environ.get("AWS_REGION"), self.anywhere)

    @property
    def backend_url(self) -> str:
        """The backend for its queues."""
        options = {"endpoint": self.endpoint_url, "region": self.environ.get("AWS_REGION")}
        query = urlencode({name: value for name, value in options.items() if value})
        return f"sqs://?{query}" if query else "sqs://"


def account(*, anywhere: bool = False) -> Aws:
    """The account, or whatever else, that this process's AWS configuration names."""
    return Aws(os.environ.get("AWS_ENDPOINT_URL") or None, anywhere=anywhere)


@contextmanager
def local_aws(progress: Progress = _silent, *, anywhere: bool = False) -> Generator[Aws]:
    """AWS on this machine: the emulator at `AWS_ENDPOINT_URL` where that is set, else one for the `with` block.

    For the block's length the process's environment points there too, so that the app's own clients, and those that its
    modules make on import, cannot reach a real account by accident. `anywhere` permits an emulator that is not on this
    machine.

    Raises:
        ConfigurationError: `AWS_ENDPOINT_URL` is not on this machine, or the emulator cannot be set up.
        BackendError: The emulator does not start.
    """
    given = os.environ.get("AWS_ENDPOINT_URL")
    if given:
        require_permission(Target(given, anywhere=anywhere))
        environ = _environ_of(given, os.environ)
        with _environment(environ):
            yield Aws(given, environ, anywhere)
        return
    with start_emulator(progress=progress) as emulator, _environment(emulator.environ):
        yield Aws(emulator.endpoint_url, emulator.environ)


def _environ_of(endpoint_url: str, environ: Mapping[str, str]) -> dict[str, str]:
    """The variables for an emulator that somebody else started; its credentials and Region are theirs to choose."""
    region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or "us-east-1"
    known = {name: environ[name] for name in MADE_UP if name in environ}
    credentials = known if len(known) == len(MADE_UP) else MADE_UP
    return {"AWS_ENDPOINT_URL": endpoint_url, "AWS_REGION": region, "AWS_DEFAULT_REGION": region, **credentials}


@contextmanager
def _environment(environ: Mapping[str, str]) -> Generator[None]:
    before = dict(os.environ)
    for name in before:
        if name in OVERRIDING or name.startswith("AWS_ENDPOINT_URL_"):
            del os.environ[name]
    os.environ.update(environ)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@dataclass(frozen=True, slots=True)
class Session:
    """An app that is ready to run.

    Attributes:
        aws: Where its resources are.
        names: What they are called.
        plan: What the app declares.
        poller: Feeds the app; `run_poller(session.poller)` runs it until a signal comes.
        backend: Publishes to the app's queues and topics.
    """

    aws: Aws
    names: Names
    plan: Plan
    poller: Poller
    backend: Backend

    @asynccontextmanager
    async def polling(self) -> AsyncGenerator[None]:
        """Run the poller for the length of a block. What it raises ends the block, and is raised here."""
        try:
            async with TaskGroup() as tasks:
                tasks.create_task(self.poller.run())
                try:
                    yield
                finally:
                    self.poller.stop()
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from None


@asynccontextmanager
async def dev_session(
    app: App,
    *,
    aws: Aws | None = None,
    names: Names | None = None,
    observe: Callable[[Seen], None] = _nobody,
    progress: Progress = _silent,
    provisioned: bool = True,
) -> AsyncGenerator[Session]:
    """Make what the app declares, and a poller for it that is not running yet.

    Args:
        app: The app.
        aws: Where to; by default `local_aws`, for the length of the block.
        names: What the app's resources are called; by default what the environment says.
        observe: Called for each delivery when its outcome is certain; it must be quick.
        progress: Called with lines for a person who waits.
        provisioned: Whether to make the app's resources, or to rely on them.

    Raises:
        ConfigurationError: The app has nothing to poll, or provisioning there is not permitted.
        MissingExtraError: aioboto3 is not installed.
        BackendError: AWS, or what stands for it, refuses or cannot be reached.
    """
    with local_aws(progress) if aws is None else nullcontext(aws) as found:
        known = names or Names.from_environ(app.name, os.environ)
        plan = plan_of(app, known)
        if provisioned:
            await provision(plan, found.target, progress)
        async with open_backend(found.backend_url) as backend:
            yield Session(found, known, plan, _poller(app, backend, known, observe), backend)


def _poller(app: App, backend: Backend, names: Names, observe: Callable[[Seen], None]) -> Poller:
    watch = Watch()

    def settled(seen: Observation) -> None:
        if isinstance(seen, Settled):
            for one in watch.seen(seen.record, seen.outcome):
                observe(one)

    settings = Settings(concurrency=max(10, 2 * len(queues_of(app, names))), wait=WAIT, drain=DRAIN)
    return Poller(
        app, backend, settings, names=names, store=MemoryStore(), middleware=(watch.middleware,), observe=settled
    )
