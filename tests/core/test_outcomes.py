"""Outcomes: how several become one, what they say about themselves, and how long retries wait."""

from itertools import permutations
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventkit import Backoff, ConfigurationError, Done, Outcome, Reject, Retry
from eventkit.outcomes import MAX_VISIBILITY, combine

delays = st.none() | st.floats(0, MAX_VISIBILITY)
outcomes: st.SearchStrategy[Outcome] = st.one_of(
    st.just(Done()),
    st.builds(Retry, delays),
    st.builds(Reject, st.sampled_from(["not an image", "not JSON"])),
)


def test_nothing_at_all_is_done() -> None:
    assert combine([]) == Done()


def test_a_retry_outranks_a_reject_and_a_reject_what_is_done() -> None:
    three: tuple[Outcome, ...] = (Done(), Retry(5), Reject("no"))

    combined = [combine(order) for order in permutations(three)]

    assert combined == [Retry(5)] * 6
    assert combine([Done(), Reject("no"), Done()]) == Reject("no")


@pytest.mark.parametrize(
    ("several", "longest"), [((1, 60, 5), 60), ((None, 3), 3), ((3, None), 3), ((0, None), 0), ((None, None), None)]
)
def test_the_longest_delay_wins(several: tuple[float | None, ...], longest: float | None) -> None:
    combined = combine(Retry(after) for after in several)

    assert combined == Retry(longest)


def test_the_retry_that_wins_keeps_its_error() -> None:
    error = OSError()

    combined = combine([Retry(1), Retry(9, error=error)])

    assert isinstance(combined, Retry)
    assert combined.error is error


@given(outcomes, outcomes, outcomes)
def test_combining_is_associative(one: Outcome, two: Outcome, three: Outcome) -> None:
    leftmost = combine([combine([one, two]), three])
    rightmost = combine([one, combine([two, three])])

    assert leftmost == rightmost == combine([one, two, three])


@given(st.lists(outcomes, max_size=5), st.randoms(use_true_random=False))
def test_the_order_of_outcomes_does_not_change_the_kind_of_their_combination(
    several: list[Outcome], random: Random
) -> None:
    shuffled = random.sample(several, len(several))

    assert type(combine(shuffled)) is type(combine(several))


@given(outcomes)
def test_done_changes_nothing(outcome: Outcome) -> None:
    assert combine([Done(), outcome]) == combine([outcome, Done()]) == outcome


@pytest.mark.parametrize("after", [-1, -0.001, MAX_VISIBILITY + 1, float("nan"), float("inf")])
def test_a_retry_that_sqs_could_not_keep_is_refused(after: float) -> None:
    with pytest.raises(ConfigurationError, match="the delay must be from 0 to 43200 seconds"):
        Retry(after)


def test_outcomes_match_by_what_they_say() -> None:
    said: list[object] = []
    for outcome in (Done(), Retry(5), Reject("no")):
        match outcome:
            case Done():
                said.append("done")
            case Retry(after):
                said.append(after)
            case Reject(reason):
                said.append(reason)

    assert said == ["done", 5, "no"]


def test_outcomes_are_equal_by_what_they_say_and_not_by_their_causes() -> None:
    assert Retry(1, error=OSError()) == Retry(1) != Retry(2)
    assert Reject("a", error=OSError(), handler="h") == Reject("a") != Reject("b")
    assert len({Done(), Done(), Retry(1), Retry(1), Reject("a"), Reject("a")}) == 3
    assert Done() != Retry() != Reject("")


def test_outcomes_say_what_they_are() -> None:
    assert [repr(outcome) for outcome in (Done(), Retry(2.5), Reject("no"))] == [
        "Done()",
        "Retry(after=2.5)",
        "Reject('no')",
    ]


@given(
    base=st.floats(0.001, 100),
    cap=st.floats(100, MAX_VISIBILITY),
    factor=st.floats(1, 1e300),
    attempt=st.integers(-5, 10**30),
    drawn=st.floats(0, 1),
)
def test_a_delay_is_never_negative_and_never_above_the_cap(
    base: float, cap: float, factor: float, attempt: int, drawn: float
) -> None:
    backoff = Backoff(base, cap, factor)

    delay = backoff.delay(attempt, lambda: drawn)

    assert 0 <= delay <= backoff.ceiling(attempt) <= cap


def test_delays_double_up_to_the_cap() -> None:
    backoff = Backoff(base=2, cap=60)

    ceilings = [backoff.ceiling(attempt) for attempt in range(1, 9)]

    assert ceilings == [2, 4, 8, 16, 32, 60, 60, 60]


@pytest.mark.parametrize(("drawn", "delay"), [(0, 0), (0.25, 2), (1, 8)])
def test_the_jitter_is_full(drawn: float, delay: float) -> None:
    assert Backoff(base=2).delay(3, lambda: drawn) == delay


def test_a_huge_attempt_waits_as_long_as_the_cap() -> None:
    assert Backoff().ceiling(10**100) == 900
    assert Backoff(factor=1e308).ceiling(10**6) == 900


@pytest.mark.parametrize(
    ("base", "cap", "factor"),
    [
        (0, 900, 2),
        (-1, 900, 2),
        (10, 5, 2),
        (1, MAX_VISIBILITY + 1, 2),
        (1, 900, 0.5),
        (float("nan"), 900, 2),
        (1, float("nan"), 2),
        (1, 900, float("nan")),
    ],
)
def test_a_backoff_without_sense_is_refused(base: float, cap: float, factor: float) -> None:
    with pytest.raises(ConfigurationError, match="it must hold that 0 < base <= cap <= 43200 seconds and factor >= 1"):
        Backoff(base, cap, factor)
