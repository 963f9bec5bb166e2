"""Powertools' batch processor and parser with the same model."""
# The checkers run where the peers are not installed.
# mypy: ignore-errors
# pyright: basic, reportMissingImports=false, reportAttributeAccessIssue=false

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType
from aws_lambda_powertools.utilities.parser.models import SqsRecordModel
from pydantic import BaseModel, Json


class Order(BaseModel):
    """The body of a message."""

    id: int
    customer: str
    total: float
    items: list[str]
    paid: bool


class OrderRecord(SqsRecordModel):
    """A message with an order in it."""

    body: Json[Order]


processor = BatchProcessor(event_type=EventType.SQS, model=OrderRecord)
