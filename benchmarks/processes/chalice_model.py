"""Chalice with the same model."""
# The checkers run where the peers are not installed.
# mypy: ignore-errors
# pyright: basic, reportMissingImports=false, reportAttributeAccessIssue=false

from chalice import Chalice
from chalice.app import SQSEvent
from pydantic import BaseModel


class Order(BaseModel):
    """The body of a message."""

    id: int
    customer: str
    total: float
    items: list[str]
    paid: bool


app = Chalice("shop")


@app.on_sqs_message(queue="orders")
def on_orders(event: SQSEvent) -> None:
    """Take orders."""
    for record in event:
        Order.model_validate_json(record.body)
