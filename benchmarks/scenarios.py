"""What is dispatched, and who competes."""

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.contenders import Contender, by_hand, with_eventkit
from benchmarks.contenders.with_eventkit import (
    order_async,
    order_sync,
    orders,
    pass_on,
    photo_async,
    photo_sync,
    photos,
    placed,
)
from benchmarks.payloads import Event, dynamodb, s3, sns_in_sqs, sqs
from benchmarks.sections import ASYNC, HAND, HAND_WHERE, SYNC, SYNC_WHERE, TYPED
from eventkit import Backoff

__all__ = ["Scenario", "has_peers", "scenarios"]

BACKOFF = Backoff(base=2, cap=900)


@dataclass(frozen=True, slots=True)
class Scenario:
    """One event, and the contenders for it; `key` is the section of the report."""

    key: str
    event: Event
    contenders: Sequence[Contender]


def has_peers() -> bool:
    """Whether the peers are installed here."""
    return all(importlib.util.find_spec(peer) for peer in ("aws_lambda_powertools", "boto3", "chalice"))


def scenarios() -> list[Scenario]:
    """All scenarios; with the peers where they are installed."""
    peers = _peers()
    from_sqs = [*_sqs(), *peers.get("sqs", ())]
    return [
        Scenario("sqs", sqs(10), from_sqs),
        Scenario("sqs_one", sqs(1), from_sqs),
        Scenario("sns", sns_in_sqs(10), [*_sns(), *peers.get("sns", ())]),
        Scenario("s3", s3(10), [*_s3(), *peers.get("s3", ())]),
        Scenario("dynamodb", dynamodb(100), [*_dynamodb(), *peers.get("dynamodb", ())]),
        Scenario("price", sqs(10), _prices()),
        Scenario("price_async", sqs(10), _async_prices()),
    ]


def _peers() -> Mapping[str, Sequence[Contender]]:
    if not has_peers():
        return {}
    from benchmarks.contenders.peers import PEERS

    return PEERS


def _sqs() -> list[Contender]:
    return [
        Contender(HAND, by_hand.sqs),
        Contender(TYPED, by_hand.sqs_typed, isolates=True),
        Contender(SYNC, order_sync(orders), isolates=True),
        Contender(ASYNC, order_async(orders), isolates=True),
    ]


def _sns() -> list[Contender]:
    return [
        Contender(HAND, by_hand.sns),
        Contender(TYPED, by_hand.sns_typed, isolates=True),
        Contender(SYNC, order_sync(placed), isolates=True),
        Contender(ASYNC, order_async(placed), isolates=True),
    ]


def _s3() -> list[Contender]:
    where = photos.created(prefix="uploads/", suffix=(".jpg", ".png"))
    return [
        Contender(HAND, by_hand.s3),
        Contender(HAND_WHERE, by_hand.s3_where),
        Contender(SYNC, photo_sync(photos.created())),
        Contender(SYNC_WHERE, photo_sync(where)),
        Contender(ASYNC, photo_async(photos.created())),
    ]


def _dynamodb() -> list[Contender]:
    return [
        Contender(HAND, by_hand.dynamodb),
        Contender(TYPED, by_hand.dynamodb_typed),
        Contender(SYNC, with_eventkit.dynamodb),
        Contender(ASYNC, with_eventkit.dynamodb_async),
    ]


def _prices() -> list[Contender]:
    return [
        Contender(SYNC, order_sync(orders), isolates=True),
        Contender("with a backoff of its own", order_sync(orders, retry=BACKOFF), isolates=True),
        Contender("with the delivery injected", with_eventkit.order_with_delivery, isolates=True),
        Contender("with one dependency", with_eventkit.order_with_dependency, isolates=True),
        Contender("with a timeout", order_sync(orders, timeout=30), isolates=True),
        Contender("with a middleware that does nothing", order_sync(orders, middleware=[pass_on]), isolates=True),
    ]


def _async_prices() -> list[Contender]:
    return [
        Contender(ASYNC, order_async(orders), isolates=True),
        Contender("with a backoff of its own", order_async(orders, retry=BACKOFF), isolates=True),
        Contender("with the delivery injected", with_eventkit.order_async_with_delivery, isolates=True),
        Contender("with one dependency", with_eventkit.order_async_with_dependency, isolates=True),
        Contender("with a timeout", order_async(orders, timeout=30), isolates=True),
        Contender("with a middleware that does nothing", order_async(orders, middleware=[pass_on]), isolates=True),
        Contender("with concurrency=4", order_async(orders, concurrency=4), isolates=True),
    ]
