"""What handlers publish and what lies in S3, through a poller from end to end."""

from typing import Any

from pydantic import BaseModel

from eventkit import App, Bus, Delivery, Queue, Reject
from eventkit.backends.memory import MemoryBackend
from eventkit.outgoing import Outgoing
from eventkit.publish import HOPS, MAX_HOPS
from eventkit_aws.claims import Claims, claim_checked
from tests.adapters.aws.claims import Shelf
from tests.adapters.poller.harness import Service, poller_of, running, until


class Placed(BaseModel):
    id: int


class Shipped(BaseModel):
    id: int


async def test_events_go_from_handler_to_handler_over_a_bus() -> None:
    service = Service("jobs", "shop-orders")
    service.memory.add_rule("orders", "shop-orders")
    orders, app, seen = Bus[Placed | Shipped]("orders"), App("shop"), list[object]()

    @app.on(Queue[int]("jobs"), to=orders)
    async def place(number: int) -> list[Placed]:
        return [Placed(id=number), Placed(id=number + 1)]

    @app.on(orders.of(Placed), to=orders)
    async def ship(event: Placed) -> Shipped:
        return Shipped(id=event.id)

    @app.on(orders.of(Shipped))
    async def see(event: Shipped, delivery: Delivery) -> None:
        seen.append((event, delivery.attributes[HOPS], delivery.attributes["source"]))

    await service.send("jobs", "1")
    async with running(poller_of(app, service)):
        await until(lambda: len(seen) == 2)

    assert sorted(map(str, seen)) == ["(Shipped(id=1), '2', 'shop')", "(Shipped(id=2), '2', 'shop')"]


async def test_a_message_that_leads_to_itself_ends_as_a_dead_letter() -> None:
    service = Service("jobs")
    jobs, app, seen = Queue[int]("jobs"), App("app"), list[int]()

    @app.on(jobs, to=jobs)
    async def again(number: int) -> int:
        seen.append(number)
        return number + 1

    await service.send("jobs", "0")
    async with running(poller_of(app, service)):
        await until(lambda: service.memory.depth("jobs-dead") == 1)

    assert seen == list(range(MAX_HOPS + 1))
    assert service.memory.depth("jobs") == 0


async def test_a_large_payload_reaches_its_handler_and_is_deleted_with_its_message() -> None:
    service, shelf, seen = Service("jobs"), Shelf(), list[str]()
    backend: Any = claim_checked(service, Claims(shelf, "payloads", threshold=100, cleanup=True))
    jobs = Queue[str]("jobs")
    app = App("app")

    @app.on(jobs)
    async def handle(text: str) -> None:
        seen.append(text)
        if text.startswith("bad"):
            raise Reject("bad")

    await service.send("jobs", "small")
    sender = claim_checked(service.memory, Claims(shelf, "payloads", threshold=100))
    await publish(sender, "good" * 100, "bad" * 100)
    async with running(poller_of(app, backend)):
        await until(lambda: service.memory.depth("jobs") == 0)

    assert sorted(seen) == ["bad" * 100, "good" * 100, "small"]
    assert list(shelf.objects.values()) == [b"bad" * 100]
    assert service.memory.depth("jobs-dead") == 1


async def publish(backend: MemoryBackend, *texts: str) -> None:
    await backend.publish("queue", "jobs", [Outgoing(text) for text in texts])
