"""Where one stands in a shard. Pure.

A checkpoint is a position that was written down: everything before it is settled. As text it is `TRIM_HORIZON`,
`SINCE 1700000000.0`, `AFTER 49590338271490256608559692538361571095921575989136588898` or `SHARD_END`.
"""

from eventkit.values import Value

__all__ = ["SHARD_END", "TRIM_HORIZON", "After", "Checkpoint", "Latest", "Position", "ShardEnd", "Since", "TrimHorizon"]
__all__ += ["checkpoint_of", "is_progress", "text_of"]


class TrimHorizon(Value):
    """The oldest record that the shard has."""


class Latest(Value):
    """Behind the newest record. It means something else each time, so it is never written down; `Since` is."""


class Since(Value):
    """The first record that was written at this moment or later; `time` is in seconds since 1970, of the service."""

    time: float


class After(Value):
    """Behind the record with this sequence number, a decimal text, which is compared as a number."""

    sequence: str


class ShardEnd(Value):
    """Behind the last record of a shard that has an end."""


TRIM_HORIZON: TrimHorizon = TrimHorizon()
SHARD_END: ShardEnd = ShardEnd()

Position = TrimHorizon | Latest | Since | After
"""Where reading can begin."""

Checkpoint = TrimHorizon | Since | After | ShardEnd
"""What can be written down."""


def is_progress(old: Checkpoint, new: Checkpoint) -> bool:
    """Whether a checkpoint is further than another one of the same shard: checkpoints never go back."""
    match old, new:
        case (ShardEnd(), _) | (_, TrimHorizon()):
            return False
        case (_, ShardEnd()):
            return True
        case (After(before), After(after)):
            return int(after) > int(before)
        case (Since(before), Since(after)):
            return after > before
        case (After(), Since()):
            return False
        case _:
            return True


def text_of(checkpoint: Checkpoint) -> str:
    """The checkpoint as text."""
    match checkpoint:
        case TrimHorizon():
            return "TRIM_HORIZON"
        case Since(time):
            return f"SINCE {time!r}"
        case After(sequence):
            return f"AFTER {sequence}"
        case ShardEnd():
            return "SHARD_END"


def checkpoint_of(text: str) -> Checkpoint:
    """The checkpoint that a text stands for. Raises `ValueError` where it stands for none."""
    kind, _, value = text.partition(" ")
    match kind:
        case "TRIM_HORIZON" if not value:
            return TRIM_HORIZON
        case "SHARD_END" if not value:
            return SHARD_END
        case "SINCE":
            return Since(float(value))
        case "AFTER" if value.isascii() and value.isdecimal():
            return After(value)
        case _:
            raise ValueError(f"{text!r} is no checkpoint")
