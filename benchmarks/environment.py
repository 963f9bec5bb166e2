"""The environment with eventkit and its peers, made once: Chalice's old pins fit into no other."""

import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

__all__ = ["CONSTRAINTS", "ROOT", "environment", "is_ready"]

ROOT = Path(__file__).parents[1]
HOME = ROOT / ".venvs" / "bench"
PYTHON = HOME / "bin" / "python"
STAMP = HOME / "ready"
CONSTRAINTS = ROOT / "benchmarks" / "constraints.txt"
PEERS = ("aws-lambda-powertools[parser]", "boto3", "chalice")
VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"


def environment() -> Path:
    """The environment's interpreter; the environment is made where it is missing or out of date.

    Ends the process with a sentence where it cannot be made.
    """
    if not is_ready():
        _make()
        STAMP.write_text(_contents(), "utf-8")
    _add_checkout()
    return PYTHON


def is_ready() -> bool:
    """Whether the environment is there, with what it should have."""
    return PYTHON.exists() and STAMP.exists() and STAMP.read_text("utf-8") == _contents()


def _contents() -> str:
    return f"{sys.version}\n{CONSTRAINTS.read_text('utf-8')}"


def _make() -> None:
    # Debian keeps ensurepip in a package of its own, so Python can be there and unable to make environments.
    if importlib.util.find_spec("ensurepip") is None:
        sys.exit(
            "the benchmarks need an environment for the peers, and this Python cannot make one, because its module "
            f"ensurepip is missing. On Debian or Ubuntu:  apt-get install python{VERSION}-venv"
        )
    _step(f"making an environment for the peers with Python {VERSION}", sys.executable, "-m", "venv", "--clear", HOME)
    install = (PYTHON, "-m", "pip", "install", "--disable-pip-version-check", "--constraint", CONSTRAINTS)
    _step(f"installing {', '.join(sorted(_pins()))}", *install, *PEERS)


def _pins() -> Iterator[str]:
    lines = CONSTRAINTS.read_text("utf-8").splitlines()
    return (line for line in lines if line.startswith(("aws-lambda-powertools", "chalice", "pydantic=")))


def _add_checkout() -> None:
    """Put the checkout's packages on the environment's path, as an editable install does."""
    (site_packages,) = HOME.glob("lib/*/site-packages")
    places = "".join(f"{ROOT / folder}\n" for folder in ("src", "adapters"))
    (site_packages / "checkout.pth").write_text(places, "utf-8")


def _step(text: str, *command: str | Path, tail: int = 10) -> None:
    print(f"── {text}", file=sys.stderr, flush=True)
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        lines = done.stdout.splitlines()[-tail:]
        reason = f"the benchmarks cannot run: {text} failed (the end of its output is above); it needs a package index"
        sys.exit("\n".join([*lines, reason]))
