"""Where scenarios run: an emulator, folders for what the workers write, and somebody who watches."""

import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.soak.fleet import Fleet, open_fleet
from benchmarks.soak.queues import Sqs, open_sqs
from eventkit_local.emulator import Emulator, start_emulator

__all__ = ["Arena", "Patience", "open_arena", "scaled"]


@dataclass(frozen=True, slots=True)
class Arena:
    """What every scenario gets. `say` takes a line about how far it is."""

    emulator: Emulator
    sqs: Sqs
    seed: int
    say: Callable[[str], None]

    @contextmanager
    def fleet(self) -> Generator[Fleet]:
        """Workers, and a folder for their files, for the length of the block."""
        with (
            tempfile.TemporaryDirectory(prefix="eventkit-soak-") as folder,
            open_fleet(self.emulator.environ, Path(folder), self.seed) as fleet,
        ):
            yield fleet


@contextmanager
def open_arena(seed: int, say: Callable[[str], None]) -> Generator[Arena]:
    """An emulator of one's own for the length of the block."""
    with start_emulator(progress=say) as emulator, open_sqs(emulator.environ) as sqs:
        yield Arena(emulator, sqs, seed, say)


def scaled(number: int, share: float) -> int:
    """A share of the number, at least 1."""
    return max(1, round(number * share))


class Patience:
    """Ends when nothing has changed for so many seconds."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._since = clock()
        self._state: object = None

    def ends(self, *state: object) -> bool:
        """Look at the state; say whether it has been the same for too long."""
        if state != self._state:
            self._state, self._since = state, self._clock()
        return self._clock() - self._since > self._seconds
