"""Many callers with the same work: how often is each piece of it done?

    python -m tests.contract.crowd memory --callers 50 --keys 1000     (or redis, dynamodb)

DynamoDB is an emulator, Redis a server on this machine.
"""

import argparse
import asyncio
import os
import random
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter

from eventkit import App, Done, Idempotent, Names, Queue
from eventkit.dispatch import Dispatcher, Wiring, open_dispatcher
from eventkit.execution import Environment
from eventkit.stores import IdempotencyStore, open_store
from eventkit.testing import sqs_record
from eventkit_aws.idempotency import create_table
from eventkit_local.emulator import start_emulator
from tests.contract.redis_server import start_redis
from tests.core.harness import AtOnce

KEY = Idempotent[str](key=lambda text: text)


@dataclass(frozen=True)
class Figures:
    """What came of it: `executions` by how often a key's handler ran, and how often a caller was told to wait."""

    executions: Counter[int]
    deferred: int
    seconds: float


def app_of(handler: Callable[[str], object], idempotent: Idempotent[str] = KEY) -> App:
    app = App("crowd")
    app.on(Queue[str]("jobs"), idempotent=idempotent, name="work")(handler)
    return app


async def crowd(store: IdempotencyStore, callers: int, keys: int) -> Figures:
    """Let each caller see each key to its end, in an order of its own."""
    ran: Counter[str] = Counter()
    deferred = 0

    async def work(text: str) -> None:
        ran[text] += 1
        await asyncio.sleep(0)

    async def caller(number: int, run: Dispatcher) -> None:
        nonlocal deferred
        left: list[str] = [f"key {key}" for key in range(keys)]
        random.Random(number).shuffle(left)  # noqa: S311 - the same in each run
        while left:
            left = [key for key in left if await run.handle(sqs_record(key, "jobs", number=number)) != Done()]
            deferred += len(left)
            await asyncio.sleep(0)  # the memory store lets nobody else run

    environment = Environment(AtOnce(), lambda: 0.0)
    began = perf_counter()
    async with open_dispatcher(app_of(work), environment, Wiring(Names("crowd"), None, store)) as run:
        await asyncio.gather(*(caller(number, run) for number in range(callers)))
    return Figures(Counter(ran.values()), deferred, perf_counter() - began)


@contextmanager
def store_url(kind: str) -> Generator[str]:
    """The URL of a fresh store of this kind."""
    match kind:
        case "redis":
            with start_redis() as url:
                yield url
        case "dynamodb":
            with start_emulator() as emulator:
                os.environ |= emulator.environ
                yield "dynamodb://records"
        case _:
            yield "memory://"


async def crowd_at(url: str, callers: int, keys: int) -> Figures:
    """The same for a store by its URL, whose table is made where it needs one."""
    if url.startswith("dynamodb"):
        await create_table(url)
    async with open_store(url) as store:
        return await crowd(store, callers, keys)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=["memory", "redis", "dynamodb"])
    parser.add_argument("--callers", type=int, default=50)
    parser.add_argument("--keys", type=int, default=1000)
    chosen = parser.parse_args()
    with store_url(chosen.kind) as url:
        found = asyncio.run(crowd_at(url, chosen.callers, chosen.keys))
    print(f"{chosen.kind}: {chosen.callers} callers, {chosen.keys} keys: {found}")  # noqa: T201 - its result


if __name__ == "__main__":
    main()
