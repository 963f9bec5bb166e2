import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventkit.streams.positions import (
    SHARD_END,
    TRIM_HORIZON,
    After,
    Checkpoint,
    Since,
    checkpoint_of,
    is_progress,
    text_of,
)

checkpoints: st.SearchStrategy[Checkpoint] = st.one_of(
    st.just(TRIM_HORIZON),
    st.just(SHARD_END),
    st.builds(Since, st.floats(0, 4e9)),
    st.builds(After, st.integers(0, 10**56).map(str)),
)


@given(checkpoints)
def test_a_checkpoint_survives_being_written_as_text(checkpoint: Checkpoint) -> None:
    assert checkpoint_of(text_of(checkpoint)) == checkpoint


@pytest.mark.parametrize(
    "text", ["", "LATEST", "AFTER", "AFTER x", "AFTER -1", "AFTER \u0661", "SINCE", "SINCE x", "SHARD_END 1"]
)
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"checkpoint|float"):
        checkpoint_of(text)


@given(checkpoints, checkpoints)
def test_of_two_checkpoints_one_at_most_is_progress(one: Checkpoint, other: Checkpoint) -> None:
    assert not (is_progress(one, other) and is_progress(other, one))
    assert not is_progress(one, one)


def test_sequence_numbers_are_compared_as_numbers() -> None:
    assert is_progress(After("9"), After("10"))
    assert not is_progress(After("10"), After("9"))


def test_nothing_comes_behind_the_end_of_a_shard() -> None:
    assert is_progress(After("1"), SHARD_END)
    assert not is_progress(SHARD_END, After("1"))
