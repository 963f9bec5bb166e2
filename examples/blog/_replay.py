"""The poller's records once more, as Lambda gets them from a queue."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eventkit.backends import Raw
from eventkit_local.runtime_api import Invocation, LocalLambda
from examples.blog._sheet import Invoked

__all__ = ["Replay", "replay"]

HANDLER = "examples.blog.lambda_main.handler"
ROOT = Path(__file__).parents[2]

BATCH = 10
"""Records that Lambda takes from a queue at once unless told otherwise ("Using Lambda with Amazon SQS")."""

TIMEOUT = 60.0
"""Seconds for one invocation."""


@dataclass(frozen=True, slots=True)
class Replay:
    """What the function answered. `retries` are the ids of the messages that Lambda would deliver again."""

    invocations: Sequence[Invoked]
    errors: Sequence[str]
    retries: frozenset[str]
    log: str


async def replay(records: Sequence[Raw], environment: Mapping[str, str]) -> Replay:
    """Invoke the blog's function with SQS events that hold the records."""
    events = [{"Records": list(records[start : start + BATCH])} for start in range(0, len(records), BATCH)]
    function = LocalLambda(HANDLER, environment=environment, timeout=TIMEOUT, function_name="blog", task_root=ROOT)
    async with function:
        answers = [await function.invoke(event) for event in events]
    return Replay(
        [_invoked(len(event["Records"]), answer) for event, answer in zip(events, answers, strict=True)],
        list(dict.fromkeys(f"Lambda: {one.error.error_type}: {one.error.message}" for one in answers if one.error)),
        frozenset(name for answer in answers for name in _failures(answer)),
        function.logs,
    )


def _invoked(records: int, answer: Invocation) -> Invoked:
    response = answer.error.error_type if answer.error else json.dumps(answer.payload)
    return Invoked(records, answer.duration, answer.cold, response)


def _failures(answer: Invocation) -> Sequence[str]:
    payload: Any = answer.payload or {}
    return [item["itemIdentifier"] for item in payload.get("batchItemFailures", ())]
