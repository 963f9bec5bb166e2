"""The environments with the peers, each made once below `.venvs`: their pins fit into no other."""

import importlib.util
import shutil
import subprocess
import sys
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

__all__ = ["LAMBDA", "NODE", "ROOT", "TASKIQ", "Environment", "NodeEnvironment", "PythonEnvironment", "Unavailable"]

ROOT = Path(__file__).parents[1]
PINS = ROOT / "benchmarks" / "constraints"
VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"


class Unavailable(Exception):  # noqa: N818 - what it says of an environment
    """An environment cannot be made; the text says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Environment(ABC):
    """A folder, and the file with the exact versions of what is installed into it."""

    name: str
    pins: Path

    @property
    def home(self) -> Path:
        """The folder."""
        return ROOT / ".venvs" / self.name

    def make(self) -> None:
        """Make the environment where it is missing or out of date. Raises `Unavailable`."""
        contents = self._contents()
        if self._stamped() != contents:
            self._install()
            self._stamp.write_text(contents, "utf-8")

    def is_ready(self) -> bool:
        """Whether the environment is there, with what it should have."""
        try:
            return self._stamped() == self._contents()
        except Unavailable:
            return False

    def _stamped(self) -> str:
        return self._stamp.read_text("utf-8") if self._stamp.exists() else ""

    @property
    def _stamp(self) -> Path:
        return self.home / "ready"

    def _contents(self) -> str:
        return f"{ROOT}\n{self._runtime()}\n{self.pins.read_text('utf-8')}"

    @abstractmethod
    def _runtime(self) -> str:
        """The version of what runs in it. Raises `Unavailable`."""

    @abstractmethod
    def _install(self) -> None:
        """Fill the folder. Raises `Unavailable`."""


@dataclass(frozen=True, slots=True)
class PythonEnvironment(Environment):
    """A virtual environment with these packages, and with the checkout's on its path."""

    packages: tuple[str, ...]

    @property
    def python(self) -> Path:
        """The interpreter."""
        return self.home / "bin" / "python"

    def _runtime(self) -> str:
        return sys.version

    def _install(self) -> None:
        # Debian keeps ensurepip in a package of its own, so Python can be there and unable to make environments.
        if importlib.util.find_spec("ensurepip") is None:
            raise Unavailable(
                "the benchmarks need an environment for the peers, and this Python cannot make one, because its module "
                f"ensurepip is missing. On Debian or Ubuntu:  apt-get install python{VERSION}-venv"
            )
        text = f"making an environment for {', '.join(self.packages)} with Python {VERSION}"
        _step(text, sys.executable, "-m", "venv", "--clear", self.home)
        pip = (self.python, "-m", "pip", "install", "--disable-pip-version-check", "--constraint", self.pins)
        _step(f"installing {', '.join(self.packages)}", *pip, *self.packages)
        self._add_checkout()

    def _add_checkout(self) -> None:
        """Put the checkout's packages on the path, as an editable install does."""
        (site_packages,) = self.home.glob("lib/*/site-packages")
        places = "".join(f"{ROOT / folder}\n" for folder in ("src", "adapters"))
        (site_packages / "checkout.pth").write_text(places, "utf-8")


@dataclass(frozen=True, slots=True)
class NodeEnvironment(Environment):
    """A folder with node's modules; `pins` is its package.json."""

    @property
    def modules(self) -> Path:
        """Where node looks for modules, as `NODE_PATH`."""
        return self.home / "node_modules"

    def _runtime(self) -> str:
        if not shutil.which("node") or not shutil.which("npm"):
            raise Unavailable("node or npm is not installed")
        return subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()  # noqa: S607 - the one on the path

    def _install(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        shutil.copy(self.pins, self.home / "package.json")
        npm = ("npm", "install", "--prefix", self.home, "--no-package-lock", "--ignore-scripts", "--no-audit")
        _step("installing sqs-consumer with npm", *npm)


LAMBDA = PythonEnvironment("bench", PINS / "lambda.txt", ("aws-lambda-powertools[parser]", "boto3", "chalice"))
TASKIQ = PythonEnvironment("bench-taskiq", PINS / "taskiq.txt", ("taskiq-aio-sqs",))
NODE = NodeEnvironment("bench-node", PINS / "package.json")


def _step(text: str, *command: str | Path, tail: int = 10) -> None:
    print(f"── {text}", file=sys.stderr, flush=True)
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        print(*done.stdout.splitlines()[-tail:], sep="\n", file=sys.stderr)
        raise Unavailable(f"{text} failed (the end of its output is above); it needs a package index")
