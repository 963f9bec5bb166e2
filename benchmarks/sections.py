"""What the report shows and what it is compared with; the targets are those of the project's design."""

from dataclasses import dataclass
from enum import Enum

__all__ = ["SECTIONS", "Compared", "Section", "Target"]

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

LOOP = "by hand, aioboto3"
LOOP_TYPED = "by hand, aioboto3, typed"
THREADS = "by hand, boto3, 10 threads"
POLLER = "eventkit"
POLLER_TEXT = "eventkit, text"
POLLER_UVLOOP = "eventkit, uvloop"
TASKIQ = "taskiq-aio-sqs"
NODE = "Node sqs-consumer, batch"
SOCKETS = "no client: the stub's limit"

STREAM_LOOP = "by hand, aioboto3, no checkpoints"
STREAM_LOOP_SAVED = "by hand, aioboto3, a checkpoint a page"
POLLER_LARGE = "eventkit, batches of 1,000"
POLLER_UNSHARED = "eventkit, leases in memory"

MEMORY = "MiB"
RATE = "messages/s"
RECORDS = "records/s"
MEDIAN = "p50 ms"
WORST = "p99 ms"
SPARSE = "p50 ms, sparse"
REQUESTS = "requests/10"


class Compared(Enum):
    """How the result of a row is compared with its target."""

    TIMES = "at most so many times the other row's"
    FASTER = "at least so many times less than the other row's"
    MORE = "at most so much more than the other row's"
    ALONE = "at most so much"


@dataclass(frozen=True, slots=True)
class Target:
    """What a row is to reach, against another row or alone; `column` names another one than the result's."""

    row: str
    against: str
    bound: float
    compared: Compared = Compared.TIMES
    column: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """One table; ratios are taken to the row `baseline`, if it names one."""

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
            Target(SYNC, POWERTOOLS, 2.5, Compared.FASTER),
            Target(ASYNC, HAND, 1.5),
        ),
    ),
    Section("sqs_one", "SQS, 1 message", "µs per record", TYPED, (Target(SYNC, TYPED, 3),)),
    Section("sns", "SNS in SQS, 10 messages", "µs per record", TYPED, (Target(SYNC, POWERTOOLS, 5, Compared.FASTER),)),
    Section(
        "s3",
        "S3, 10 records",
        "µs per record",
        HAND,
        (Target(SYNC, POWERTOOLS, 8, Compared.FASTER), Target(SYNC_WHERE, POWERTOOLS, 8, Compared.FASTER)),
    ),
    Section(
        "dynamodb",
        "DynamoDB, 100 changes, both images into a 10-field model",
        "µs per record",
        TYPED,
        (Target(SYNC, POWERTOOLS, 2.5, Compared.FASTER),),
    ),
    Section("price", "What a sync handler on SQS pays for, 10 messages", "µs per record", SYNC),
    Section("price_async", "What an async handler on SQS pays for, 10 messages", "µs per record", ASYNC),
    Section(
        "poller",
        "SQS poller against a stub: CPU time",
        "ms per 1,000 messages",
        LOOP,
        (
            Target(POLLER, LOOP, 1.2),
            Target(POLLER, TASKIQ, 5, Compared.FASTER),
            Target(POLLER, NODE, 0.5),
            Target(POLLER, LOOP, 1, Compared.MORE, SPARSE),
            Target(POLLER, LOOP, 5, Compared.MORE, MEMORY),
            # Two, and what lies at both ends of a run.
            Target(POLLER, "", 2.05, Compared.ALONE, REQUESTS),
        ),
    ),
    Section(
        "poller_growth",
        "SQS poller against a stub: growth of the memory",
        "MiB per 100,000 messages",
        "",
        (Target(POLLER, "", 0.5, Compared.ALONE),),
    ),
    Section(
        "streams_table",
        "The stream of a DynamoDB table against a stub, a backlog in 4 shards: CPU time",
        "ms per 1,000 records",
        STREAM_LOOP_SAVED,
        (Target(POLLER, STREAM_LOOP_SAVED, 1.2),),
    ),
    Section(
        "streams_stream",
        "A Kinesis stream against a stub, a backlog in 4 shards, 5 reads a second of each: CPU time",
        "ms per 1,000 records",
        STREAM_LOOP_SAVED,
        (Target(POLLER, STREAM_LOOP_SAVED, 1.2),),
    ),
)
