"""What the event source mapping of a queue, table or stream must be, so that Lambda does what a poller does. Pure.

The names are those of "CreateEventSourceMapping" in the AWS Lambda API reference. What AWS tells of a mapping
("GetEventSourceMapping") can be compared with it::

    for sentence in differences(mapping_of(orders, names), client.get_event_source_mapping(UUID=…)):
        print(sentence)
"""

from collections.abc import Mapping
from math import ceil
from typing import Any, cast

from eventkit._json import is_object
from eventkit.buckets import Bucket
from eventkit.names import Names, name_in
from eventkit.resources import Queue, Stream, Streamed, Table

__all__ = ["differences", "mapping_of"]

REPORTING = ["ReportBatchItemFailures"]

UNBOUNDED = -1
"""How AWS writes that attempts, or ages, have no bound."""

AGAIN = "Lambda gives records up sooner or later than the poller"

CONSEQUENCES: Mapping[str, str] = {
    "BatchSize": "a batch that fails is tried again, or given up, with more or fewer records than in the poller",
    "MaximumBatchingWindowInSeconds": "records wait longer or shorter for a batch to fill",
    "BisectBatchOnFunctionError": "what is given up with a record that fails is not the same as in the poller",
    "MaximumRetryAttempts": AGAIN,
    "MaximumRecordAgeInSeconds": AGAIN,
    "ParallelizationFactor": "Lambda keeps another order: above 1 that of each partition key, else that of the shard",
    "StartingPosition": "a mapping that is made anew begins elsewhere than the poller",
    "FunctionResponseTypes": "Lambda does not look at what failed, takes all for done, and so LOSES failed records",
    "DestinationConfig": "what is given up is not kept there",
}
"""What it leads to when a setting is another one."""


def mapping_of(resource: Queue[Any] | Table[Any] | Stream[Any], names: Names) -> Mapping[str, object]:
    """The parameters of the resource's mapping that eventkit has an opinion of; the others are yours to choose.

    The on-failure destination is written as it is configured, and AWS wants an ARN there.
    """
    if not isinstance(resource, Streamed):
        return {"FunctionResponseTypes": REPORTING}
    options = resource.stream
    return {
        "BatchSize": options.batch,
        "MaximumBatchingWindowInSeconds": ceil(options.window),
        "BisectBatchOnFunctionError": options.bisect,
        "MaximumRetryAttempts": UNBOUNDED if options.retries is None else options.retries,
        "MaximumRecordAgeInSeconds": UNBOUNDED if options.max_age is None else ceil(options.max_age),
        # Lambda knows no order but that of partition keys; lanes of another one run side by side in one invocation.
        "ParallelizationFactor": options.parallel if resource.order_by is None else 1,
        "StartingPosition": options.start.value,
        "FunctionResponseTypes": REPORTING,
        **_destination(names),
    }


def differences(expected: Mapping[str, object], actual: Mapping[str, object]) -> list[str]:
    """What a mapping has otherwise than it should, and what that leads to: a sentence for each setting."""
    return [
        f"{name} is {_shown(actual.get(name))} and should be {_shown(value)}: {CONSEQUENCES[name]}"
        for name, value in expected.items()
        if _compared(name, actual.get(name)) != _compared(name, value)
    ]


def _destination(names: Names) -> Mapping[str, object]:
    if names.on_failure is None:
        return {}
    kind, address = names.on_failure
    arn = f"arn:aws:s3:::{name_in(address)}" if kind == Bucket.kind else address
    return {"DestinationConfig": {"OnFailure": {"Destination": arn}}}


def _compared(name: str, value: object) -> object:
    """A setting as far as it matters: of a destination that is written in several ways the name."""
    match name:
        case "FunctionResponseTypes":
            return set(cast("list[str]", value or ()))
        case "DestinationConfig":
            on_failure = value.get("OnFailure") if is_object(value) else None
            return name_in(str(on_failure.get("Destination", ""))) if is_object(on_failure) else ""
        case _:
            return value


def _shown(value: object) -> str:
    return "not set" if value is None else repr(value)
