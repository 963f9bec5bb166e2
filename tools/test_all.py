"""Run `make test` on every supported Python of this machine: `test_all.py MAKE`."""

import os
import subprocess
import sys
from pathlib import Path

SUPPORTED = ("3.11", "3.12", "3.13")


def find(version: str) -> str | None:
    """An interpreter of that version that runs, from the PATH or, behind a shim that may not, from pyenv."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv", "versions")
    probe = "import sys; print('%d.%d' % sys.version_info[:2])"
    for python in (f"python{version}", *map(str, pyenv.glob(f"{version}.*/bin/python"))):
        try:
            said = subprocess.run([python, "-c", probe], capture_output=True, text=True, check=False).stdout
        except OSError:
            continue
        if said.strip() == version:
            return python
    return None


def main(make: str) -> None:
    """Test on each Python in an environment of its own; fail if any fails, or if there is none."""
    results: dict[str, str] = {}
    for version in SUPPORTED:
        python = find(version)
        if python is None:
            results[version] = "not found"
            continue
        print(f"── Python {version}", flush=True)
        command = [make, "--no-print-directory", "test", f"PYTHON={python}", f"VENV=.venvs/{version}"]
        results[version] = "failed" if subprocess.run(command, check=False).returncode else "passed"
    print("── " + ", ".join(f"Python {version}: {result}" for version, result in results.items()))
    sys.exit("failed" in results.values() or "passed" not in results.values())


if __name__ == "__main__":
    main(*sys.argv[1:])
