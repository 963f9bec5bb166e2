"""However an app's handlers are written, Lambda is told the same, and it is what a simple model says."""

from dataclasses import dataclass
from itertools import count

from hypothesis import given, settings
from hypothesis import strategies as st

from eventkit_lambda import LambdaHandler
from tests.adapters.lambda_.harness import (
    BEHAVIOURS,
    FLAVOURS,
    OUTAGE,
    Context,
    Json,
    Service,
    app_of,
    behave,
    failed,
    fifo,
    messages,
    stream,
)

groups = st.sampled_from("abc")
scripts = st.lists(st.tuples(groups, st.sampled_from(BEHAVIOURS)), max_size=12)


@dataclass
class Expected:
    """What is to become of a batch."""

    tried: list[str]
    reported: list[str]
    parked: list[str]
    delayed: list[str]


def expected(script: list[tuple[str, str]], kind: str, *, keeps: bool) -> Expected:
    """The model: records in order; a failure ends its stream or its group; a stream reports its first failure."""
    result = Expected([], [], [], [])
    stuck: set[str] = set()
    for number, (group, what) in enumerate(script, 1):
        lane = {"standard": f"{number}", "fifo": group, "stream": "shard"}[kind]
        identifier = f"s{number}" if kind == "stream" else f"m{number}"
        done = what == "done" or (what == "reject" and keeps)
        if kind != "stream" and (lane in stuck or not done):
            result.delayed.append(identifier)
        if lane in stuck:
            result.reported.append(identifier)
            continue
        result.tried.append(f"{what}:{number}")
        if what == "reject" and keeps and kind != "stream":
            result.parked.append(identifier)
        elif what != "done":
            result.reported.append(identifier)
            stuck.add(lane)
    if kind == "stream":
        del result.reported[1:]
    return result


def event_of(script: list[tuple[str, str]], kind: str) -> Json:
    numbers = count(1)
    match kind:
        case "standard":
            return messages(*(f"{what}:{next(numbers)}" for _, what in script))
        case "fifo":
            return fifo(*(f"{group}/{what}:{next(numbers)}" for group, what in script))
        case _:
            return stream(*(f"{what}:{next(numbers)}" for _, what in script))


@settings(max_examples=150)
@given(script=scripts, kind=st.sampled_from(["standard", "fifo", "stream"]), keeps=st.booleans(), timed=st.booleans())
def test_every_flavour_says_what_the_model_says(
    script: list[tuple[str, str]], kind: str, *, keeps: bool, timed: bool
) -> None:
    model = expected(script, kind, keeps=keeps)

    for flavour in FLAVOURS:
        tried: list[str] = []
        service = Service(park=None if keeps else OUTAGE)

        def do(text: str, tried: list[str] = tried) -> None:
            tried.append(text)
            behave(text)

        handler = LambdaHandler(app_of(do, flavour), backend=service)
        try:
            response = handler(event_of(script, kind), Context(60) if timed else None)
        finally:
            handler.close()

        assert response == failed(*model.reported)
        assert tried == model.tried
        assert [identifier for _, identifier, _ in service.parked] == model.parked
        assert [identifier for _, delays in service.delays for identifier, _ in delays] == model.delayed


@settings(max_examples=60)
@given(script=scripts, keeps=st.booleans())
def test_concurrency_changes_the_order_and_not_the_response(script: list[tuple[str, str]], *, keeps: bool) -> None:
    for kind in ("standard", "fifo", "stream"):
        model = expected(script, kind, keeps=keeps)
        tried: list[str] = []

        def do(text: str, tried: list[str] = tried) -> None:
            tried.append(text)
            behave(text)

        handler = LambdaHandler(app_of(do, "async", concurrency=4), backend=Service(park=None if keeps else OUTAGE))
        try:
            response = handler(event_of(script, kind))
        finally:
            handler.close()

        assert response == failed(*model.reported)
        assert sorted(tried) == sorted(model.tried)
