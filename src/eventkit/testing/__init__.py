"""What tests of an app or of a backend need: the app itself, events as AWS delivers them, a clock that a test moves.

`eventkit.testing.backends` holds the suite that a backend proves itself with; it alone needs pytest.
"""

from eventkit.testing.app import RANDOM, Published, TestApp
from eventkit.testing.clock import VirtualClock
from eventkit.testing.events import (
    dynamodb_event,
    eventbridge_s3,
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

__all__ = [
    "RANDOM",
    "Published",
    "TestApp",
    "VirtualClock",
    "dynamodb_event",
    "eventbridge_s3",
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
