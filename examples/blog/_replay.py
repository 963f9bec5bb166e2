"""The poller's records once more, as Lambda gets them: by AWS's own runtime client."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from eventkit.backends import Raw
from eventkit_local.runtime_api import Invocation, LocalLambda

__all__ = ["Replay", "batches", "replay"]

HANDLER = "examples.blog.lambda_main.handler"
ROOT = Path(__file__).parents[2]

BATCH = 10
"""Records that Lambda takes from a queue at once unless told otherwise ("Using Lambda with Amazon SQS")."""

TIMEOUT = 60.0
"""Seconds for one invocation."""


@dataclass(frozen=True, slots=True)
class Replay:
    """What the function answered. `retries` are the ids of the records that Lambda would deliver again."""

    invocations: int
    errors: Sequence[str]
    retries: Sequence[str]
    log: str


async def replay(records: Sequence[Raw], environment: Mapping[str, str]) -> Replay:
    """Invoke the blog's function with events that hold the records."""
    function = LocalLambda(HANDLER, environment=environment, timeout=TIMEOUT, function_name="blog", task_root=ROOT)
    async with function:
        answers = [await function.invoke({"Records": list(batch)}) for batch in batches(records)]
    return Replay(
        len(answers),
        list(dict.fromkeys(f"{one.error.error_type}: {one.error.message}" for one in answers if one.error)),
        [name for answer in answers for name in _failures(answer)],
        function.logs,
    )


def batches(records: Sequence[Raw]) -> Iterator[Sequence[Raw]]:
    """The records in their order, ten at most of one queue or stream at a time, as event source mappings bring them."""
    for _, found in groupby(records, lambda record: record["eventSourceARN"]):
        alike = list(found)
        yield from (alike[start : start + BATCH] for start in range(0, len(alike), BATCH))


def _failures(answer: Invocation) -> Sequence[str]:
    payload: Any = answer.payload or {}
    return [item["itemIdentifier"] for item in payload.get("batchItemFailures", ())]
