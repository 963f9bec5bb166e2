"""What looks on while `eventkit run` polls: the log's correlation, and tracing and metrics where they are installed."""

import os
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from tempfile import TemporaryDirectory

from eventkit.backends import Backend
from eventkit.middleware import Middleware
from eventkit_cli.logs import configure_logging
from eventkit_cli.settings import RunSettings
from eventkit_poller import Observation, Poller, State
from eventkit_poller.health import Health, Page, health_of
from eventkit_telemetry.logs import Correlation, logging_middleware

__all__ = ["Telemetry", "shared_metrics", "telemetry", "write_log"]

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""The variable of prometheus_client that names the folder in which several processes count together."""


@dataclass(frozen=True, slots=True)
class Telemetry:
    """What looks on at one poller.

    Attributes:
        traced: Makes a backend's publications seen.
        middleware: What lies around every delivery.
        observe: Gets what the poller tells.
        refresh: Takes the poller's state, before each look.
        page: Makes the page of metrics.
    """

    traced: Callable[[Backend], Backend]
    middleware: Sequence[Middleware]
    observe: Callable[[Observation], None] | None = None
    refresh: Callable[[State], None] | None = None
    page: Callable[[], Page] | None = None

    def health_of(self, poller: Poller) -> Health:
        """What probes are told; the poller's gauges are set on the way."""
        state = poller.state
        if self.refresh is not None:
            self.refresh(state)
        return health_of(state)

    def metrics_of(self, poller: Poller) -> Callable[[], Page] | None:
        """What makes the page where the poller is the only one, if anything does."""
        page = self.page
        if page is None:
            return None

        def made() -> Page:
            self.health_of(poller)
            return page()

        return made


def write_log(settings: RunSettings) -> None:
    """Configure the log as the settings say; its records tell the delivery and the span that they were written in."""
    configure_logging(settings.log_format, settings.log_level, filters=[Correlation()])


def telemetry(*, metrics: bool) -> Telemetry:
    """What is installed here; metrics where they are wanted, too."""
    traced, middleware = _tracing()
    if not (metrics and _is_installed("prometheus_client")):
        return Telemetry(traced, middleware)
    from prometheus_client import REGISTRY

    from eventkit_telemetry.metrics import PollerMetrics, page

    counted = PollerMetrics(REGISTRY)
    return Telemetry(traced, [*middleware, counted.middleware], counted.observe, counted.refresh, page)


def _tracing() -> tuple[Callable[[Backend], Backend], Sequence[Middleware]]:
    """Where OpenTelemetry's SDK is installed, which an app or its operator sets up, spans are made."""
    if not _is_installed("opentelemetry.sdk"):
        return _as_it_is, [logging_middleware]
    from eventkit_telemetry.tracing import traced, tracing_middleware

    return traced, [tracing_middleware(), logging_middleware]


@dataclass(frozen=True, slots=True)
class SharedMetrics:
    """The metrics of several processes: the page of all, and what is called with the id of each that has ended."""

    page: Callable[[], Page] | None = None
    gone: Callable[[int], None] | None = None


@contextmanager
def shared_metrics(*, wanted: bool) -> Generator[SharedMetrics]:
    """Let the processes that are started inside count together, where metrics are wanted and installed.

    Their folder is the one that the environment names, or else one that is removed afterwards.
    """
    if not (wanted and _is_installed("prometheus_client")):
        yield SharedMetrics()
        return
    with TemporaryDirectory(prefix="eventkit-") as folder:
        os.environ.setdefault(FOLDER, folder)  # before prometheus_client is imported, and for the workers
        from eventkit_telemetry.metrics import page, worker_ended

        yield SharedMetrics(page, worker_ended)


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # its package is not
        return False


def _as_it_is(backend: Backend) -> Backend:
    return backend
