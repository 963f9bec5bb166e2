"""Make a virtual environment with eventkit in it: `environment.py FOLDER EXTRAS`."""

import importlib.util
import subprocess
import sys
from pathlib import Path

VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"


def step(text: str, *command: str, tail: int = 15) -> None:
    """Run one command under one line of progress; the last `tail` lines of its output are shown when it fails."""
    print(f"── {text}", flush=True)
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        sys.exit("\n".join([*done.stdout.splitlines()[-tail:], f"failed: {text} (the end of its output is above)"]))


def is_usable(python: Path) -> bool:
    """Whether the environment is there, runs, and is of the Python that was asked for."""
    probe = f"import pip, sys; sys.exit(sys.version_info[:2] != {sys.version_info[:2]})"
    return python.exists() and subprocess.run([python, "-c", probe], capture_output=True, check=False).returncode == 0


def main(folder: str, extras: str) -> None:
    """Make the environment, or bring the one that is there up to date."""
    python = Path(folder, "bin", "python")
    if not is_usable(python):
        # Debian keeps ensurepip in a package of its own, so Python can be there and unable to make environments.
        if importlib.util.find_spec("ensurepip") is None:
            sys.exit(
                f"{sys.executable} cannot make a virtual environment, because its module ensurepip is missing. "
                f"On Debian or Ubuntu:  apt-get install python{VERSION}-venv"
            )
        step(f"making {folder} with Python {VERSION}", sys.executable, "-m", "venv", "--clear", folder)

    install = (str(python), "-m", "pip", "install", "--disable-pip-version-check", "--constraint", "constraints.txt")
    # pip constrains no build environment, so the build backend is installed first and built with as it is.
    step("installing the build backend", *install, "hatchling", "editables")
    step(f"installing eventkit-aws[{extras}]", *install, "--no-build-isolation", "--editable", f".[{extras}]")


if __name__ == "__main__":
    main(*sys.argv[1:])
