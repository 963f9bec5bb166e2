"""A process with metrics, for tests of multiprocess mode: it counts, sets its gauges and says its id.

It is started with the numbers of its records: so many settled, so many in flight.
"""

import os
import sys

from prometheus_client import CollectorRegistry

from eventkit.outcomes import DONE
from eventkit_poller.observing import QueueState, Settled, State
from eventkit_telemetry.metrics import PollerMetrics

if __name__ == "__main__":
    settled, in_flight = map(int, sys.argv[1:])
    metrics = PollerMetrics(CollectorRegistry())
    for _ in range(settled):
        metrics.observe(Settled("jobs", {}, DONE, 0.5))
    metrics.refresh(State(serving=True, queues={"jobs": QueueState(in_flight, oldest=in_flight * 10, failures=0)}))
    sys.stdout.write(str(os.getpid()))
