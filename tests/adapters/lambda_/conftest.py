import signal
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.adapters.lambda_.harness import Functions


@pytest.fixture
def functions() -> Iterator[Functions]:
    """Makes functions of apps, and closes them. What they do to signals does not outlast the test."""
    former = {number: signal.getsignal(number) for number in (signal.SIGALRM, signal.SIGTERM)}
    with ExitStack() as stack:
        yield Functions(stack)
    signal.setitimer(signal.ITIMER_REAL, 0)
    for number, action in former.items():
        signal.signal(number, action)
