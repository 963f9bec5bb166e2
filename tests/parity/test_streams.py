"""One app takes tables and streams alike in Lambda and in the poller: what is handled and given up, in which order."""

from collections.abc import Callable
from functools import partial

import pytest
from pydantic import BaseModel

from eventkit import (
    App,
    Idempotent,
    Inserted,
    Modified,
    Queue,
    Reject,
    Removed,
    Retry,
    Stream,
    StreamOptions,
    Table,
)
from eventkit.events import Change, Item
from eventkit.testing.entrance import Entrance
from eventkit.testing.parity import Fault, Scenario, Seen, assert_parity, play, scenarios_of


class Order(BaseModel):
    id: int
    customer: str = "ada"


class Click(BaseModel):
    page: str


def by_customer(change: Change[Item]) -> object:
    return change.keys["customer"]


OPTIONS = {
    "two retries": StreamOptions(retries=2),
    "no retries": StreamOptions(retries=0),
    "two retries of the whole": StreamOptions(retries=2, bisect=False),
    "small batches": StreamOptions(retries=1, batch=2),
    "an age": StreamOptions(max_age=60),
    "a window": StreamOptions(retries=1, window=5, batch=4),
    "keys of Lambda": StreamOptions(retries=1, parallel=4),
}

FLAVOURS = ("async", "plain")


def app_of(options: StreamOptions, flavour: str = "async") -> App:
    app = App("shop")
    orders, clicks = Table[Order]("orders", stream=options), Stream[Click]("clicks", stream=options)
    pages = Queue[Click]("pages")

    async def change(_: Inserted[Order] | Modified[Order] | Removed[Order]) -> None: ...
    def change_plainly(_: Inserted[Order] | Modified[Order] | Removed[Order]) -> None: ...
    async def click(seen: Click) -> Click:
        return seen

    def count(_: Click) -> None: ...

    app.on(orders.changed(), name="change")(change if flavour == "async" else change_plainly)
    if flavour == "async":
        app.on(clicks, name="click", to=pages, timeout=20)(click)
    app.on(clicks, name="count")(count)
    return app


SCENARIOS = [
    pytest.param(app_of(options, flavour), scenario, id=f"{name}, {flavour}: {scenario.name}")
    for name, options in OPTIONS.items()
    for flavour in FLAVOURS
    for scenario in scenarios_of(app_of(options, flavour))
]


@pytest.mark.parametrize(("app", "scenario"), SCENARIOS)
def test_lambda_and_the_poller_do_the_same_with_streams(app: App, scenario: Scenario) -> None:
    assert_parity(app, [scenario])


def keyed_app_of(order_by: Callable[[Change[Item]], object] | None, *, idempotent: bool = False) -> App:
    app = App("shop")
    orders = Table[Order]("orders", stream=StreamOptions(retries=2, parallel=3), order_by=order_by)
    once = Idempotent[Inserted[Order]](key=lambda change: change.new.id) if idempotent else None

    @app.on(orders.inserted(), name="take", concurrency=3, idempotent=once)
    async def take(_: Inserted[Order]) -> None: ...

    return app


def write(customers: str, t: Entrance) -> None:
    for number, customer in enumerate(customers, 1):
        t.change(Table[Order]("orders"), new=Order(id=number, customer=customer), keys=["customer", "id"])


KEYED = Scenario(
    "keys",
    partial(write, "abacabab"),
    order="key",
    repeated=False,
    keeps=True,
    faults=(
        Fault(1, (RuntimeError("a fault"),) * 2),
        Fault(4, (Retry(after=3),)),
        Fault(5, (Reject("no good"),)),
        Fault(6, (RuntimeError("a fault"),), always=True),
    ),
)


@pytest.mark.parametrize("idempotent", [False, True])
def test_keys_keep_their_order_in_both(idempotent: bool) -> None:  # noqa: FBT001 - a test's parameter
    assert_parity(keyed_app_of(by_customer, idempotent=idempotent), [KEYED])


def test_with_an_idempotency_store_lambda_handles_no_record_again_that_was_handled_behind_another_key() -> None:
    seen = play(keyed_app_of(by_customer, idempotent=True), _all_of(KEYED), "lambda")

    assert groups(seen).count("b 2") == 1


def _all_of(scenario: Scenario) -> Scenario:
    return Scenario(scenario.name, scenario.arrange, scenario.faults, order="key", keeps=True)


def groups(seen: Seen) -> list[str]:
    """The keys of the items of the calls: customer and number."""
    return [call.rpartition("group=")[2] for call in seen.calls]


@pytest.mark.parametrize("runtime", ["lambda", "poller"])
def test_a_key_that_fails_holds_back_no_other_one(runtime: str) -> None:
    """The comparison would hold for runtimes that do nothing, too."""
    faults = (Fault(1, (RuntimeError("a fault"),), always=True),)
    scenario = Scenario("keys", partial(write, "abab"), faults, order="stream", repeated=False, keeps=True)

    seen = play(keyed_app_of(by_customer), scenario, runtime)

    assert groups(seen) == ["a 1", "b 2", "b 4", "a 3"]
    assert len(seen.given_up) == 1


def test_a_record_that_nothing_keeps_stays_and_so_does_what_is_behind_it() -> None:
    clicks = Stream[Click]("clicks")
    app = App("shop")

    @app.on(clicks, name="click")
    async def click(_: Click) -> None: ...

    def arrange(t: Entrance) -> None:
        t.put_records(clicks, Click(page="1"), Click(page="2"))

    scenario = Scenario("nothing keeps it", arrange, (Fault(1, (Reject("no good"),), always=True),), lasts=60)

    left = [play(app, scenario, runtime).left for runtime in ("lambda", "poller")]

    assert [len(lines) for lines in left] == [2, 2]


def told(name: str, options: StreamOptions) -> Seen:
    (scenario,) = (one for one in scenarios_of(app_of(options)) if one.name == name)
    return play(app_of(options), scenario, "poller")


def test_a_scenario_of_a_stream_tells_what_it_is_named_after() -> None:
    """The comparison would hold for runtimes that do nothing, too."""
    two = OPTIONS["two retries"]

    assert len(told("table orders: retry by exception", two).calls) == 3
    assert ['Rejected {"reason": "no good"' in line for line in told("table orders: reject", two).given_up] == [True]
    assert len(told("table orders: poison", two).calls) == 2
    assert len(told("table orders: poison", two).given_up) == 1
    assert len(told("stream clicks: more than a batch", two).calls) == 2 * 103
    assert "RetryAttemptsExhausted" in told("stream clicks: failing for ever", two).given_up[0]
    assert "1 from" in told("stream clicks: failing for ever", two).given_up[0]
    assert "3 from" in told("stream clicks: failing for ever", OPTIONS["two retries of the whole"]).given_up[0]
    assert "RecordAgeExceeded" in told("stream clicks: failing for ever", OPTIONS["an age"]).given_up[0]
    assert told("stream clicks: success", two).published == ('queue pages: {"page":"x"} group=None',)
