"""What the report shows and what it is compared with; the targets are those of the project's design."""

from dataclasses import dataclass

__all__ = ["SECTIONS", "Section", "Target"]

HAND = "by hand: json.loads, dict"
HAND_WHERE = "by hand, prefix and suffix"
TYPED = "by hand, typed"
SYNC = "eventkit, sync"
SYNC_WHERE = "eventkit, sync, prefix and suffix"
ASYNC = "eventkit, async in order"
POWERTOOLS = "Powertools, batch + parser"
DATA_CLASS = "Powertools, data class"
CHALICE = "Chalice"
BOTO3 = "boto3's deserialiser + pydantic"

BARE_PYTHON = "Python, nothing imported"
BARE_MODEL = "pydantic and one model"
IMPORTED = "eventkit, Lambda entrypoint, the model"
SYNC_DONE = "… and a first invocation, sync"
ASYNC_DONE = "… and a first invocation, async"


@dataclass(frozen=True, slots=True)
class Target:
    """What a row is to reach: at most `bound` times the other row, or, `faster`, at least that much faster."""

    row: str
    against: str
    bound: float
    faster: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """One table; ratios are taken to the row `baseline`."""

    key: str
    title: str
    unit: str
    baseline: str
    targets: tuple[Target, ...] = ()


SECTIONS = (
    Section(
        "cold",
        "Cold start: the CPU time and the peak memory of a whole process",
        "ms",
        BARE_MODEL,
        (Target(IMPORTED, BARE_MODEL, 1.10),),
    ),
    Section(
        "sqs",
        "SQS, 10 messages, JSON body into a 5-field model",
        "µs per record",
        TYPED,
        (
            Target(SYNC, TYPED, 1.5),
            Target(SYNC, POWERTOOLS, 2.5, faster=True),
            Target(ASYNC, HAND, 1.5),
        ),
    ),
    Section("sqs_one", "SQS, 1 message", "µs per record", TYPED, (Target(SYNC, TYPED, 3),)),
    Section("sns", "SNS in SQS, 10 messages", "µs per record", TYPED, (Target(SYNC, POWERTOOLS, 5, faster=True),)),
    Section(
        "s3",
        "S3, 10 records",
        "µs per record",
        HAND,
        (Target(SYNC, POWERTOOLS, 8, faster=True), Target(SYNC_WHERE, POWERTOOLS, 8, faster=True)),
    ),
    Section(
        "dynamodb",
        "DynamoDB, 100 changes, both images into a 10-field model",
        "µs per record",
        TYPED,
        (Target(SYNC, POWERTOOLS, 2.5, faster=True),),
    ),
    Section("price", "What a sync handler on SQS pays for, 10 messages", "µs per record", SYNC),
    Section("price_async", "What an async handler on SQS pays for, 10 messages", "µs per record", ASYNC),
)
