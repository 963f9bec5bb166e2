"""The same with an app, its handler and the first invocation."""

from pydantic import BaseModel

from eventkit import App, Queue
from eventkit_lambda import LambdaHandler


class Order(BaseModel):
    """The body of a message."""

    id: int
    customer: str
    total: float
    items: list[str]
    paid: bool


app = App("shop")


@app.on(Queue[Order]("orders"))
def on_order(order: Order) -> None:
    """Take an order."""
    assert order.paid


BODY = '{"id": 1, "customer": "Ada", "total": 9.5, "items": ["pen", "ink"], "paid": true}'
ARN = "arn:aws:sqs:us-east-1:123456789012:orders"
EVENT = {"Records": [{"messageId": "1", "eventSource": "aws:sqs", "eventSourceARN": ARN, "body": BODY}]}

handler = LambdaHandler(app)
assert handler(EVENT, None) == {"batchItemFailures": []}
