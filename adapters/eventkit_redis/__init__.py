"""An idempotency store in Redis or Valkey: one hash per key, and one script per verb, which the server runs at once.

`RedisStore` takes a client of redis-py, which may be shared; `open_store` makes its own. Leases are judged by the
server's clock. What the server forgets, because it evicts keys or fails over before a replica has them, is not
remembered: let it evict nothing, and keep its data on a disk.
"""

from collections.abc import AsyncGenerator, Awaitable, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from importlib import import_module
from math import ceil
from typing import Any, Protocol, cast

from eventkit.errors import BackendError, ConfigurationError, MissingExtraError
from eventkit.stores import Claimed, Claiming, Finished, InProgress

__all__ = ["RedisClient", "RedisStore", "open_store"]

PREFIX = "eventkit:"
"""What the names of the hashes begin with."""

LINGER = 86_400_000
"""Milliseconds for which a hash stays after its lease, for an owner that comes late."""

TIMEOUT = 5
"""Seconds for connecting, and for an answer."""

_NOW = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local found = redis.call('HMGET', KEYS[1], 'owner', 'state', 'fingerprint', 'until')
"""

CLAIM = (
    _NOW
    + """
local over = not found[1] or tonumber(found[4]) <= now
if not over and (found[2] == 'finished' or found[1] ~= ARGV[1]) then
  return {found[2], found[3], tonumber(found[4]) - now}
end
redis.call('HSET', KEYS[1], 'owner', ARGV[1], 'state', 'in progress', 'fingerprint', ARGV[2], 'until', now + ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[3] + ARGV[4])
return {'claimed', ARGV[2], 0}
"""
)

RENEW = (
    _NOW
    + """
if found[1] ~= ARGV[1] or found[2] ~= 'in progress' then return 0 end
redis.call('HSET', KEYS[1], 'until', now + ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[2] + ARGV[3])
return 1
"""
)

COMPLETE = (
    _NOW
    + """
if found[1] ~= ARGV[1] then return 0 end
if found[2] == 'in progress' then
  redis.call('HSET', KEYS[1], 'state', 'finished', 'until', now + ARGV[2])
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return 1
"""
)

RELEASE = (
    _NOW
    + """
if found[1] ~= ARGV[1] or found[2] ~= 'in progress' then return 0 end
return redis.call('DEL', KEYS[1])
"""
)


class Script(Protocol):
    """A script that the server keeps, as redis-py's `register_script` makes it."""

    def __call__(self, keys: Sequence[str], args: Sequence[str | int]) -> Awaitable[Any]:
        """Run it."""
        ...


class RedisClient(Protocol):
    """What is called of a client; `redis.asyncio.Redis` is one."""

    def register_script(self, script: str) -> Any:  # noqa: ANN401 - redis-py's own type, which users need not have
        """A `Script`."""
        ...


class RedisStore:
    """A store over a client; see `eventkit.stores.IdempotencyStore` for what its verbs promise."""

    def __init__(self, client: RedisClient) -> None:
        """The client is the caller's to close."""
        scripts = (client.register_script(script) for script in (CLAIM, RENEW, COMPLETE, RELEASE))
        self._claim, self._renew, self._complete, self._release = (cast("Script", script) for script in scripts)

    async def claim(self, key: str, claiming: Claiming) -> Claimed | InProgress | Finished:
        arguments = (claiming.owner, claiming.fingerprint, _milliseconds(claiming.lease), LINGER)
        state, fingerprint, left = await _run(self._claim, key, *arguments)
        match _text(state):
            case "claimed":
                return Claimed()
            case "finished":
                return Finished(_text(fingerprint))
            case _:
                return InProgress(_text(fingerprint), left / 1000)

    async def renew(self, key: str, owner: str, lease: float) -> bool:
        return bool(await _run(self._renew, key, owner, _milliseconds(lease), LINGER))

    async def complete(self, key: str, owner: str, ttl: float) -> bool:
        return bool(await _run(self._complete, key, owner, _milliseconds(ttl)))

    async def release(self, key: str, owner: str) -> bool:
        return bool(await _run(self._release, key, owner))


async def _run(script: Script, key: str, *arguments: str | int) -> Any:  # noqa: ANN401 - what the script returns
    with _translated():
        return await script(keys=[PREFIX + key], args=arguments)


def _milliseconds(seconds: float) -> int:
    return ceil(seconds * 1000)


def _text(value: str | bytes) -> str:
    """A text in the answer, whether the client decodes answers or not."""
    return value if isinstance(value, str) else value.decode()


@contextmanager
def _translated() -> Generator[None]:
    """Turn what redis-py raises into `BackendError`, with the error as its cause."""
    errors = _imported("redis.exceptions")
    try:
        yield
    except (errors.RedisError, OSError, TimeoutError) as error:
        raise BackendError(f"the Redis server failed or cannot be reached: {type(error).__name__}") from error


def _imported(module: str) -> Any:  # noqa: ANN401 - an optional dependency
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise MissingExtraError(error.name or module, "redis") from error


@asynccontextmanager
async def open_store(url: str) -> AsyncGenerator[RedisStore]:
    """A store with its own client: `redis://HOST:PORT/DB`, or `rediss://` with TLS, and what redis-py's URLs hold.

    It connects when first used. Raises `MissingExtraError`, and `ConfigurationError` for a URL that is none.
    """
    redis = _imported("redis.asyncio")
    try:
        client = redis.Redis.from_url(url, socket_timeout=TIMEOUT, socket_connect_timeout=TIMEOUT)
    except ValueError as error:
        raise ConfigurationError(
            "the store's URL is none that redis-py takes: write redis://HOST:PORT/DB"  # it may hold a password
        ) from error
    try:
        yield RedisStore(client)
    finally:
        await client.aclose()
