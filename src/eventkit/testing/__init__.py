"""What tests of an app or of a backend need: the app itself, events as AWS delivers them, a clock that a test moves.

`eventkit.testing.backends` holds the suite that a backend proves itself with; it alone needs pytest.
"""

from eventkit.testing.app import DeadLetter, TestApp
from eventkit.testing.clock import VirtualClock
from eventkit.testing.events import (
    dynamodb_event,
    eventbridge_s3,
    kinesis_event,
    kinesis_record,
    s3_event,
    s3_record,
    s3_test_event,
    sns_envelope,
    sns_event,
    sns_record,
    sqs_event,
    sqs_record,
    stream_record,
)
from eventkit.testing.watching import RANDOM, Call
from eventkit.testing.world import Published, Queues

__all__ = [
    "RANDOM",
    "Call",
    "DeadLetter",
    "Published",
    "Queues",
    "TestApp",
    "VirtualClock",
    "dynamodb_event",
    "eventbridge_s3",
    "kinesis_event",
    "kinesis_record",
    "s3_event",
    "s3_record",
    "s3_test_event",
    "sns_envelope",
    "sns_event",
    "sns_record",
    "sqs_event",
    "sqs_record",
    "stream_record",
]
