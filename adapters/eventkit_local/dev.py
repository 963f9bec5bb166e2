"""An app with everything that it needs, on this machine: what `eventkit dev` runs, for programs.

::

    async with dev_session(app, observe=print) as session, session.polling():
        ...  # put something into a bucket at session.aws.endpoint_url
"""

import os
import socket
from asyncio import TaskGroup
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass, field
from urllib.parse import urlencode

from eventkit.app import App
from eventkit.backends import Backend, open_backend
from eventkit.names import Names
from eventkit.stores import IdempotencyStore, open_store
from eventkit.streams import open_streams
from eventkit.streams.leases import open_leases
from eventkit.values import replace
from eventkit_local._ports import listening, reserved
from eventkit_local.emulator import Progress, start_emulator
from eventkit_local.plan import Plan, plan_of
from eventkit_local.provision import Target, provision, require_permission
from eventkit_local.watch import Seen, Watch
from eventkit_poller import Observation, Poller, Settings, Settled, StreamAccess, queues_of

__all__ = ["Aws", "Session", "account", "dev_session", "environment", "local_aws", "running"]

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
        smtp: What an emulator of ours relays mail to that is sent through SES, for `open_mailbox` to listen on.
    """

    endpoint_url: str | None
    environ: Mapping[str, str] = field(default_factory=dict[str, str])
    anywhere: bool = False
    smtp: socket.socket | None = None

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

    def in_region(self, region: str) -> "Aws":
        """The same in another Region."""
        return Aws(
            self.endpoint_url, {**self.environ, "AWS_REGION": region, "AWS_DEFAULT_REGION": region}, self.anywhere
        )


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
        with _pointing(environ):
            yield Aws(given, environ, anywhere)
        return
    with (
        reserved() as smtp,
        start_emulator(progress=progress, settings={"SMTP_HOST": listening(smtp)}) as emulator,
        _pointing(emulator.environ),
    ):
        yield Aws(emulator.endpoint_url, emulator.environ, smtp=smtp)


def _environ_of(endpoint_url: str, environ: Mapping[str, str]) -> dict[str, str]:
    """The variables for an emulator that somebody else started; its credentials and Region are theirs to choose."""
    region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or "us-east-1"
    known = {name: environ[name] for name in MADE_UP if name in environ}
    credentials = known if len(known) == len(MADE_UP) else MADE_UP
    return {"AWS_ENDPOINT_URL": endpoint_url, "AWS_REGION": region, "AWS_DEFAULT_REGION": region, **credentials}


@contextmanager
def environment(variables: Mapping[str, str]) -> Generator[None]:
    """Set environment variables for the length of a block; afterwards all are as they were before."""
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def _pointing(environ: Mapping[str, str]) -> Generator[None]:
    with environment({}):
        for name in list(os.environ):
            if name in OVERRIDING or name.startswith("AWS_ENDPOINT_URL_"):
                del os.environ[name]
        os.environ.update(environ)
        yield


@asynccontextmanager
async def running(*pollers: Poller) -> AsyncGenerator[None]:
    """Run pollers for the length of a block. What one of them raises ends the block, and is raised here."""
    try:
        async with TaskGroup() as tasks:
            for poller in pollers:
                tasks.create_task(poller.run())
            try:
                yield
            finally:
                for poller in pollers:
                    poller.stop()
    except BaseExceptionGroup as group:
        raise group.exceptions[0] from None


@dataclass(frozen=True, slots=True)
class Session:
    """An app that is ready to run.

    Attributes:
        aws: Where its resources are.
        names: What they are called.
        plan: What the app declares.
        poller: Feeds the app; `run_poller(session.poller)` runs it until a signal comes.
        backend: Publishes to the app's queues and topics.
        progress: Takes lines for a person who waits.
    """

    aws: Aws
    names: Names
    plan: Plan
    poller: Poller
    backend: Backend
    progress: Progress = _silent

    def polling(self) -> AbstractAsyncContextManager[None]:
        """Run the poller for the length of a block. What it raises ends the block, and is raised here."""
        return running(self.poller)


@asynccontextmanager
async def dev_session(  # noqa: PLR0913 - each is a choice of its own, made by its name
    app: App,
    *,
    aws: Aws | None = None,
    names: Names | None = None,
    observe: Callable[[Seen], None] = _nobody,
    progress: Progress = _silent,
    provisioned: bool = True,
    leases: str = "memory://",
    store: str = "memory://",
) -> AsyncGenerator[Session]:
    """Make what the app declares, and a poller for it that is not running yet.

    Args:
        app: The app.
        aws: Where to; by default `local_aws`, for the length of the block.
        names: What the app's resources are called; by default what the environment says.
        observe: Called for each delivery when its outcome is certain; it must be quick.
        progress: Called with lines for a person who waits.
        provisioned: Whether to make the app's resources, or to rely on them. What is given up of tables and streams
            goes to the queue `<app>-failures`, which is made, unless the names have an on-failure destination.
        leases: The URL of the store of leases on streams; by default they are this process's.
        store: The URL of the store in which idempotent routes remember what was done; likewise.

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
            known = replace(known, on_failure=plan.on_failure or known.on_failure)
        async with AsyncExitStack() as stack:
            backend = await stack.enter_async_context(open_backend(found.backend_url))
            streams = await stack.enter_async_context(open_streams(found.backend_url))
            access = StreamAccess(streams, await stack.enter_async_context(open_leases(leases)))
            memory = await stack.enter_async_context(open_store(store))
            poller = _poller(app, backend, _Access(access, memory), known, observe)
            yield Session(found, known, plan, poller, backend, progress)


@dataclass(frozen=True, slots=True)
class _Access:
    """What a poller reads and remembers by, beside its backend."""

    streams: StreamAccess
    store: IdempotencyStore


def _poller(app: App, backend: Backend, access: _Access, names: Names, observe: Callable[[Seen], None]) -> Poller:
    watch = Watch()

    def settled(seen: Observation) -> None:
        if isinstance(seen, Settled):
            for one in watch.seen(seen.record, seen.outcome):
                observe(one)

    concurrency = max(10, 2 * len(queues_of(app, names)))
    settings = Settings(concurrency=concurrency, wait=WAIT, drain=DRAIN, handover=DRAIN)
    return Poller(
        app,
        backend,
        settings,
        names=names,
        store=access.store,
        streams=access.streams,
        middleware=(watch.middleware,),
        observe=settled,
    )
