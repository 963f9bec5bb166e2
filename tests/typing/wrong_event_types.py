# pyright: strict
"""Event types that are wrong: each line marked `error` must be reported by both type checkers, and no other."""

from eventkit import App, Bucket, Queue
from eventkit.cloudevents import CloudEvent, CloudEvents
from eventkit.discriminators import ByAttribute, ByField

from .shared import Created, Edited, Order

app = App("app")
events = Queue[CloudEvent[Created]]("events", types=CloudEvents("/blog"))
posts = Queue[Created | Edited]("posts", types=ByAttribute("type"))


def two(_old: Created, _more: Created) -> Edited:
    return Edited(id=1)


Queue[Created]("a", types="type")  # error
Queue[Created]("b", types=ByAttribute(7))  # error
Queue[Created]("c", types=ByField("kind", version=2))  # error
Queue[Created]("d", types=CloudEvents("/blog", "batch"))  # error
Queue[Created]("e", types=ByAttribute("type"), upcasters=[two])  # error
Queue[Created]("f", types=ByAttribute("type"), upcasters=two)  # error
Bucket("g", types=ByAttribute("type"))  # error


@app.on(events)  # error
def the_data_instead_of_the_event(_created: Created) -> None: ...


@app.on(events)  # error
def another_event(_event: CloudEvent[Order]) -> None: ...


@app.on(posts.of(Created))  # error
def another_type(_event: Edited) -> None: ...


def lifted(event: CloudEvent[Created]) -> None:
    event.data.name  # error
    posts.encode(event)  # error
