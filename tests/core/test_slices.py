from math import ceil, log2

from hypothesis import given
from hypothesis import strategies as st

from eventkit.stream_options import StreamOptions
from eventkit.streams.slices import Condition, Slice, after_failure, expired


class Shard:
    """A batch that is handled to its end, where the records at some positions fail so many times."""

    def __init__(self, size: int, failing: dict[int, float], options: StreamOptions) -> None:
        self.calls: list[int] = []
        self.done: list[int] = []
        self.given_up: list[range] = []
        self._left = dict(failing)
        self._options = options
        pending = [Slice(0, size)]
        while pending:
            tried = pending.pop()
            lowest = self._handled(tried)
            if lowest is None:
                continue
            again = after_failure(tried, lowest, options)
            if isinstance(again, Condition):
                self.given_up.append(range(tried.start, tried.stop))
            else:
                pending.extend(reversed(again))

    def _handled(self, tried: Slice) -> int | None:
        for position in range(tried.start, tried.stop):
            self.calls.append(position)
            if self._left.get(position, 0) > 0:
                self._left[position] -= 1
                return position
            self.done.append(position)
        return None


@given(st.integers(0, 99), st.integers(0, 5))
def test_bisecting_finds_a_poison_in_few_attempts_and_gives_up_nothing_else(poison: int, retries: int) -> None:
    shard = Shard(100, {poison: 1_000}, StreamOptions(retries=retries))

    assert shard.given_up == [range(poison, poison + 1)]
    assert shard.done == [position for position in range(100) if position != poison]
    assert shard.calls.count(poison) <= 2 * ceil(log2(100)) + retries


@given(st.dictionaries(st.integers(0, 29), st.integers(1, 3), max_size=10), st.booleans())
def test_what_passes_within_its_attempts_is_never_given_up(failing: dict[int, int], bisect: bool) -> None:  # noqa: FBT001 - a drawn value
    shard = Shard(30, dict(failing), StreamOptions(retries=3, bisect=bisect))

    assert shard.given_up == []
    assert shard.done == list(range(30))


@given(st.dictionaries(st.integers(0, 29), st.integers(1, 9), max_size=10), st.integers(0, 3), st.booleans())
def test_every_record_is_done_once_in_order_or_given_up(failing: dict[int, int], retries: int, bisect: bool) -> None:  # noqa: FBT001 - a drawn value
    shard = Shard(30, dict(failing), StreamOptions(retries=retries, bisect=bisect))

    given_up = [position for some in shard.given_up for position in some]
    assert shard.done == sorted(shard.done)
    assert sorted(shard.done + given_up) == list(range(30))


def test_without_bisecting_what_is_behind_the_poison_is_given_up_with_it() -> None:
    shard = Shard(10, {3: 1_000}, StreamOptions(retries=2, bisect=False))

    assert shard.given_up == [range(3, 10)]
    assert shard.done == [0, 1, 2]


def test_no_retries_are_one_attempt() -> None:
    assert Shard(1, {0: 1}, StreamOptions(retries=0)).calls == [0]


def test_without_a_bound_a_record_is_never_given_up() -> None:
    assert Shard(3, {1: 500}, StreamOptions()).given_up == []


def test_records_that_are_too_old_are_counted_up_to_the_first_that_is_not() -> None:
    options = StreamOptions(max_age=60)

    assert expired(Slice(0, 4), [0.0, 10.0, 50.0, 0.0], 75.0, options) == 2
    assert expired(Slice(1, 4), [0.0, 10.0, 50.0, 0.0], 75.0, options) == 1
    assert expired(Slice(0, 2), [None, 0.0], 1e9, options) == 0
    assert expired(Slice(0, 2), [0.0, 0.0], 1e9, StreamOptions()) == 0
