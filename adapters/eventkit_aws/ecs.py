"""Scale-in protection for a task of Amazon ECS while it is busy ("Amazon ECS task scale-in protection endpoint").

A protected task is stopped neither by a scale-in nor by a deployment. `scale_in_protection` asks the agent beside the
task for that when something is in flight, and gives it up when nothing has been for some time; `Protection` decides.
The task's role needs `ecs:UpdateTaskProtection`.
"""

import asyncio
import logging
import os
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from math import inf
from typing import Any

from eventkit.errors import ConfigurationError
from eventkit_aws._sessions import imported

__all__ = ["Protection", "Rules", "Timing", "scale_in_protection"]

log: logging.Logger = logging.getLogger("eventkit.ecs")

AGENT = "ECS_AGENT_URI"
"""The environment variable by which ECS tells a container where the agent is."""

PATH = "/task-protection/v1/state"
MAX_EXPIRY = 2880
"""Minutes for which a task can be protected at most: 48 hours."""

TIMEOUT = 5.0
"""Seconds that the agent gets to answer."""

SAMPLE = 1.0
"""Seconds between two looks at what is in flight: to be told of each record would cost more than to ask."""


@dataclass(frozen=True, slots=True)
class Rules:
    """When a task is protected. Raises `ConfigurationError` for what cannot be.

    Attributes:
        expiry: Minutes after which protection ends by itself, as it must for a process that is gone; 1 to 2,880. It is
            renewed after half of that.
        idle: Seconds for which nothing must be in flight before protection is given up; None leaves it to the expiry,
            as processes that share a task must, because one of them cannot tell that the others are idle.
        pause: Seconds between two calls at least, whether they succeed or fail.
    """

    expiry: int = 10
    idle: float | None = 30.0
    pause: float = 10.0

    def __post_init__(self) -> None:
        if not 1 <= self.expiry <= MAX_EXPIRY:
            raise ConfigurationError(f"expiry={self.expiry!r}: it must be from 1 to {MAX_EXPIRY} minutes")
        if not 0 <= self.pause <= self.expiry * 15:
            raise ConfigurationError(f"pause={self.pause!r}: it must be from 0 to a quarter of the expiry in seconds")


@dataclass(frozen=True, slots=True)
class Protection:
    """What is known about a task's protection, in seconds of one clock: a value, changed by what is seen and done.

    Attributes:
        rules: When it is protected.
        busy: When something was last in flight; None for never.
        renewed: When protection was last given; -inf where that is not certain, None where there is none.
        called: When the agent was last asked.
    """

    rules: Rules = field(default_factory=Rules)
    busy: float | None = None
    renewed: float | None = None
    called: float = -inf

    def seen(self, in_flight: int, now: float) -> "Protection":
        """After a look at what is in flight."""
        return replace(self, busy=now) if in_flight > 0 else self

    def due(self, now: float) -> bool | None:
        """What to ask for now: True to protect, False to give it up, None for nothing."""
        if now - self.called < self.rules.pause:
            return None
        if self.busy is not None and now - self.busy <= (self.rules.idle or 0.0):
            overdue = self.renewed is None or now - self.renewed >= self.rules.expiry * 30
            return True if overdue else None
        return False if self.renewed is not None and self.rules.idle is not None else None

    def asked(self, wanted: bool, done: bool, now: float) -> "Protection":  # noqa: FBT001 - what was asked, and whether
        """After a call of the agent. One that failed may have had its effect all the same."""
        if done:
            return replace(self, renewed=now if wanted else None, called=now)
        return replace(self, renewed=-inf if self.renewed is None and wanted else self.renewed, called=now)


@dataclass(frozen=True, slots=True)
class Timing:
    """Time: `clock` gives seconds that never jump, `sleep` waits for some."""

    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep


@asynccontextmanager
async def scale_in_protection(
    in_flight: Callable[[], int],
    rules: Rules | None = None,
    *,
    environ: Mapping[str, str] = os.environ,
    timing: Timing | None = None,
) -> AsyncGenerator[None]:
    """Protect the task while `in_flight` says that there is something to protect; nothing outside of ECS.

    What goes wrong is logged, and tried again; work goes on without protection. When the context ends, so does the
    task, and nothing needs to be given up. Raises `MissingExtraError` in a task of ECS without aiohttp.
    """
    agent = environ.get(AGENT)
    if not agent:
        yield
        return
    aiohttp = imported("aiohttp")
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT)) as session:
        put = _Agent(session, agent.rstrip("/") + PATH).put
        watching = asyncio.create_task(_watch(in_flight, Protection(rules or Rules()), put, timing or Timing()))
        try:
            yield
        finally:
            watching.cancel()
            await asyncio.wait((watching,))


async def _watch(
    in_flight: Callable[[], int],
    protection: Protection,
    put: Callable[[dict[str, object]], Awaitable[bool]],
    timing: Timing,
) -> None:
    """Look, decide and ask, until it is cancelled."""
    while True:
        now = timing.clock()
        protection = protection.seen(in_flight(), now)
        wanted = protection.due(now)
        if wanted is not None:
            expiry = {"ExpiresInMinutes": protection.rules.expiry} if wanted else {}
            done = await put({"ProtectionEnabled": wanted, **expiry})
            protection = protection.asked(wanted, done, timing.clock())
        await timing.sleep(SAMPLE)


@dataclass(frozen=True, slots=True)
class _Agent:
    """The agent of ECS, by a session of aiohttp."""

    session: Any
    url: str

    async def put(self, state: dict[str, object]) -> bool:
        """Whether the agent did it."""
        try:
            async with self.session.put(self.url, json=state) as response:
                refusal = _refusal(response.status, await response.json(content_type=None))
        except Exception as error:  # noqa: BLE001 - work goes on, whatever stands between it and the agent
            refusal = type(error).__qualname__
        if refusal is not None:
            log.warning("protection.failed", extra={"wanted": state["ProtectionEnabled"], "reason": refusal})
        return refusal is None


def _refusal(status: int, answer: Any) -> str | None:  # noqa: ANN401 - JSON
    """Why the agent did not do it, or None. It answers 200, too, with a `failure` in the place of the `protection`."""
    match answer:
        case {"protection": _} if status == HTTPStatus.OK:
            return None
        case {"failure": {"Reason": reason}} | {"error": {"Code": reason}}:
            return str(reason)
        case _:
            return f"status {status}"
