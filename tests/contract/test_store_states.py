"""The state machine of a store: three actors who claim, renew, finish, release, freeze and crash, in any order.

An actor that crashes does nothing more under its token and begins anew with another; one that is frozen goes on later
with the token that it had. All orders of a few steps are walked on the memory store, and longer ones are drawn for
each store.
"""

import asyncio
from collections.abc import Callable, Generator
from contextlib import contextmanager
from itertools import count, product
from typing import Any, cast

import boto3
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from eventkit.stores import IdempotencyStore
from eventkit.stores.memory import MemoryStore
from eventkit.testing.stores import StoreWorld
from eventkit_aws.idempotency import DynamoDbClient, DynamoDbStore, create_table
from eventkit_aws.sqs import blocking
from tests.contract.redis_server import needs_redis, start_redis
from tests.contract.store_model import ACTORS, LEASE, TTL, Answer, Model, answer_of, claiming
from tests.contract.store_worlds import MemoryWorld, RedisWorld, redis_client

DEPTH = 5
VERBS = ("claim", "renew", "complete", "release")
STEPS = [*product(VERBS, ACTORS), ("crash", "a"), ("wait", "lease"), ("wait", "ttl")]
"""Any actor may be given as frozen: it just makes no step. One of them crashes, which gives a fourth token."""


async def ask(store: IdempotencyStore, verb: str, key: str, owner: str) -> Answer:
    match verb:
        case "claim":
            return answer_of(await store.claim(key, claiming(owner)))
        case "renew":
            return answer_of(await store.renew(key, owner, LEASE))
        case "complete":
            return answer_of(await store.complete(key, owner, TTL))
        case _:
            return answer_of(await store.release(key, owner))


def at_once(work: Any) -> Any:  # noqa: ANN401 - a coroutine of any value
    """The value of a coroutine that never waits."""
    with pytest.raises(StopIteration) as done:
        work.send(None)
    return done.value.value


class Walk:
    """One order of steps, on the model and on a memory store."""

    def __init__(self) -> None:
        self.model = Model()
        self.store = MemoryStore(lambda: self.model.now)
        self.tokens = {actor: actor for actor in ACTORS}

    def step(self, what: str, who: str) -> None:
        if what == "crash":
            self.tokens[who] += "'"
        elif what == "wait":
            self.model.now += LEASE if who == "lease" else TTL
        else:
            token = self.tokens[who]
            expected = cast("Callable[[str], Answer]", getattr(self.model, what))(token)
            assert at_once(ask(self.store, what, "key", token)) == expected, (what, who)


def test_every_order_of_a_few_steps_is_as_the_model_says() -> None:
    walked = 0
    for order in product(STEPS, repeat=DEPTH - 1):
        walk = Walk()
        for what, who in (("claim", "a"), *order):
            walk.step(what, who)
        walked += 1

    assert walked == len(STEPS) ** (DEPTH - 1)


def test_the_model_writes_down_one_execution_while_any_is_remembered() -> None:
    """What is finished is not done again before its time is over, in any order of steps."""
    for order in product([step for step in STEPS if step != ("wait", "ttl")], repeat=DEPTH - 1):
        model = Model()
        for what, who in (("claim", "a"), *order):
            if what == "wait":
                model.now += 1
            elif what != "crash":
                cast("Callable[[str], Answer]", getattr(model, what))(who)
        assert len(model.executions) <= 1


class Machine(RuleBasedStateMachine):
    """Any order of steps, on the model and on a store; each example has a key of its own."""

    loop: asyncio.AbstractEventLoop
    world: StoreWorld
    keys = count(1)

    def __init__(self) -> None:
        super().__init__()
        self.key = f"key-{next(self.keys)}"
        self.model = Model()
        self.tokens = {actor: actor for actor in ACTORS}
        self.frozen: set[str] = set()

    @rule(actor=st.sampled_from(ACTORS), verb=st.sampled_from(VERBS))
    def act(self, actor: str, verb: str) -> None:
        if actor not in self.frozen:
            gone = {("yes", "no")} if self.model.may_be_gone else set[tuple[Answer, Answer]]()
            expected = cast("Callable[[str], Answer]", getattr(self.model, verb))(self.tokens[actor])
            found = self.loop.run_until_complete(ask(self.world.store, verb, self.key, self.tokens[actor]))
            assert found == expected or (expected, found) in gone

    @rule(actor=st.sampled_from(ACTORS))
    def crash(self, actor: str) -> None:
        self.tokens[actor] += "'"
        self.frozen.discard(actor)

    @rule(actor=st.sampled_from(ACTORS))
    def freeze(self, actor: str) -> None:
        self.frozen.add(actor)

    @precondition(lambda self: self.frozen)
    @rule()
    def resume(self) -> None:
        self.frozen.clear()

    @rule(seconds=st.sampled_from([1, LEASE // 2, LEASE + 1, TTL + 1]))
    def pass_time(self, seconds: int) -> None:
        self.model.now += seconds
        self.loop.run_until_complete(self.world.wait(seconds))


def check(world: StoreWorld, loop: asyncio.AbstractEventLoop, examples: int, steps: int) -> None:
    machine = type("Machine", (Machine,), {"world": world, "loop": loop, "keys": count(1)})
    limits = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        derandomize=True,
        database=None,
    )
    run_state_machine_as_test(machine, settings=limits)


@contextmanager
def new_loop() -> Generator[asyncio.AbstractEventLoop]:
    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        yield runner.get_loop()


def test_the_memory_store_does_in_any_order_what_the_model_does() -> None:
    with new_loop() as loop:
        check(MemoryWorld(), loop, examples=300, steps=60)


@needs_redis
def test_the_redis_store_does_in_any_order_what_the_model_does() -> None:
    with start_redis() as url, new_loop() as loop:
        client = redis_client(url)
        check(RedisWorld(client), loop, examples=50, steps=40)
        loop.run_until_complete(client.aclose())


class DynamoDbTime:
    """A table whose writers agree about the time."""

    def __init__(self, client: DynamoDbClient) -> None:
        self._now = 1_000_000.0
        self.store: IdempotencyStore = DynamoDbStore(client, "records", skew=0, clock=lambda: self._now)

    async def wait(self, seconds: float) -> None:
        self._now += seconds


def test_the_dynamodb_store_does_in_any_order_what_the_model_does(moto: str) -> None:
    with new_loop() as loop:
        loop.run_until_complete(create_table(f"dynamodb://records?endpoint={moto}"))
        client = cast("Any", boto3).client("dynamodb", endpoint_url=moto)
        check(DynamoDbTime(cast("DynamoDbClient", blocking(client))), loop, examples=20, steps=40)
        client.close()
