"""The command as a process, for tests that look at it from outside."""

import re
import signal
import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import IO

from tests.adapters.local.processes import eventually

EVENTKIT = [sys.executable, "-c", "from eventkit_cli import main; main()"]


class Child:
    """A running command whose lines are collected as they come."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.out: list[str] = []
        self.err: list[str] = []
        for stream, lines in ((process.stdout, self.out), (process.stderr, self.err)):
            assert stream is not None
            threading.Thread(target=self._collect, args=(stream, lines), daemon=True).start()

    def saw(self, pattern: str) -> bool:
        return eventually(lambda: any(re.search(pattern, line) for line in [*self.out, *self.err]), 30)

    def line(self, pattern: str) -> str:
        assert self.saw(pattern), [*self.out, *self.err]
        return next(line for line in [*self.out, *self.err] if re.search(pattern, line))

    def stop(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(30)

    @staticmethod
    def _collect(stream: IO[str], lines: list[str]) -> None:
        lines.extend(iter(stream.readline, ""))


@contextmanager
def running(environ: dict[str, str], *arguments: str) -> Generator[Child]:
    with subprocess.Popen(
        [*EVENTKIT, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environ
    ) as process:
        try:
            yield Child(process)
        finally:
            process.kill()
