"""Run a Python module that must not outlive whoever started it.

``python _guard.py SCRATCH MODULE [ARGUMENT ...]``, as the leader of a process group of its own and with a pipe as its
standard input. The starter keeps the pipe's other end open and never writes. However the starter ends, SIGKILL
included, the kernel closes that end; then the folder SCRATCH (unless it is empty text) and the whole group go.

Nothing but the standard library is imported: this file is run by path, in environments that eventkit is not in. (A
starter that forks without exec passes its end on; the module then lives as long as the last holder.)
"""

import os
import resource
import runpy
import signal
import sys
import threading

_OPEN_FILES = 4096


def main() -> None:
    """Watch the pipe on a thread and become the module."""
    _, scratch, module, *arguments = sys.argv
    threading.Thread(target=_end_with_starter, args=(scratch,), name="guard", daemon=True).start()
    _allow_many_files()
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _end_with_starter(scratch: str) -> None:
    while os.read(0, 1024):
        pass
    if scratch:
        import shutil  # late, because a cold start is measured

        shutil.rmtree(scratch, ignore_errors=True)
    # By this process's own id, so a group that belongs to somebody else is never hit.
    os.killpg(os.getpid(), signal.SIGKILL)


def _allow_many_files() -> None:
    """Raise the soft limit of open files: macOS starts with 256, which a burst of connections exceeds."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft not in {hard, resource.RLIM_INFINITY} and soft < _OPEN_FILES:
        wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(_OPEN_FILES, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


if __name__ == "__main__":
    main()
