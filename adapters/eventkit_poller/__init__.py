"""The long-lived poller: the same handlers as in Lambda, fed from queues by a process of one's own.

::

    async with open_backend("sqs://") as backend:
        summary = await run_poller(Poller(app, backend, Settings(concurrency=50)))
"""

from eventkit_poller.observing import (
    Extended,
    Failed,
    GivenUp,
    Leased,
    Lost,
    Observation,
    Observe,
    QueueState,
    Read,
    Received,
    Settled,
    State,
    Trimmed,
)
from eventkit_poller.plan import Plan, PolledQueue, ReadStream, plan_of, queues_of
from eventkit_poller.poller import Poller
from eventkit_poller.settings import Settings, Share, Timing
from eventkit_poller.signals import run_poller
from eventkit_poller.streams.work import StreamAccess
from eventkit_poller.work import Summary

__all__ = [
    "Extended",
    "Failed",
    "GivenUp",
    "Leased",
    "Lost",
    "Observation",
    "Observe",
    "Plan",
    "PolledQueue",
    "Poller",
    "QueueState",
    "Read",
    "ReadStream",
    "Received",
    "Settings",
    "Settled",
    "Share",
    "State",
    "StreamAccess",
    "Summary",
    "Timing",
    "Trimmed",
    "plan_of",
    "queues_of",
    "run_poller",
]
