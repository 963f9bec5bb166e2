"""An app of every kind of source and destination, and what is deployed of it."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from importlib import import_module
from typing import Annotated, Any

from eventkit import App, Bucket, Depends, Names, ObjectCreated, Queue, Sender, To, Topic
from eventkit_deploy import Options

ARN = "arn:aws:sqs:eu-west-1:123456789012:prod-orders.fifo"
PLACE: dict[str, Any] = {"region": "eu-west-1", "account": "123456789012"}
QUEUES = ("blog-photos", "prod-orders.fifo", "blog-news")
"""The queues that a poller of the app reads."""

photos = Bucket("photos")
orders = Queue[str]("orders.fifo")
invoices = Queue[str]("invoices")
audit = Queue[str]("audit")
news = Topic[str]("news")
posts = Topic[str]("blog.posts")


@asynccontextmanager
async def auditor(to_audit: Annotated[Sender[str], To(audit)]) -> AsyncGenerator[Sender[str]]:
    yield to_audit


app = App("Blog App_2")


@app.on(photos.created(), to=invoices, concurrency=3)
async def on_photo(_: ObjectCreated) -> str:
    return ""


@app.on(orders, to=posts)
async def on_order(_: str) -> str:
    return ""


@app.on(news)
async def on_news(_: str, __: Annotated[Sender[str], Depends(auditor)]) -> None: ...


names = Names.from_environ(
    "blog", {"EVENTKIT_QUEUE_ORDERS_FIFO": ARN, "EVENTKIT_ON_FAILURE": "sqs:rejects", "EVENTKIT_BUCKET_PHOTOS": "acme"}
)


def options(**chosen: Any) -> Options:  # noqa: ANN401 - the fields of Options
    fields: dict[str, Any] = {"image": "blog:1", **PLACE, **chosen}
    return Options("blog.app:app", **fields)


def read(text: str) -> list[Any]:
    """The documents in a YAML text."""
    yaml: Any = import_module("yaml")
    return list(yaml.safe_load_all(text))
