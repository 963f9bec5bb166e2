"""Runs the blocks of one page in the current folder, as a reader would: python -m tests.docs.run_page PAGE

A process of its own for each page, because apps install signal handlers and keep event loops.
"""

import importlib
import json
import os
import re
import subprocess
import sys
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from types import ModuleType

from tests.docs.pages import ROOT, Block, blocks_of

SECONDS = 120


def main(page: Path) -> None:
    """Run all blocks; what one raises ends the process, with the page's name and line in the trace."""
    sys.dont_write_bytecode = True
    os.environ.pop("PYTHONPATH", None)  # it led to this module, and readers have no need of it
    sys.path[:] = [str(Path.cwd()), *(entry for entry in sys.path if Path(entry) not in {ROOT, Path.cwd()})]
    page_module = ModuleType("__page__")
    sys.modules[page_module.__name__] = page_module  # models look for the module that they are defined in
    namespace = vars(page_module)
    printed = ""
    for block in blocks_of(page):
        sys.stderr.write(f"running {block.place}\n")
        if block.file is not None:
            _write(block.file, block.code)
        match block.language, block.note:
            case "python", _:
                printed = _python(block, namespace)
            case "sh", _:
                printed = _shell(block)
            case "json", _:
                json.loads(block.code)
            case "text", "output":
                _compare(block, printed)
            case _:
                pass


def _write(name: str, code: str) -> None:
    file = Path(name)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(code, "utf-8")


def _python(block: Block, namespace: dict[str, object]) -> str:
    with redirect_stdout(StringIO()) as output:
        if block.file is not None:
            module = block.file.removesuffix(".py").replace("/", ".")
            sys.modules.pop(module, None)
            importlib.invalidate_caches()
            importlib.import_module(module)
        else:
            # Lines before it, so that a trace names the page's own lines.
            exec(compile("\n" * (block.line - 1) + block.code, block.page, "exec"), namespace)  # noqa: S102 - its purpose
    return output.getvalue()


def _shell(block: Block) -> str:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    result = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block.code],  # noqa: S607 - whichever bash there is
        env={**os.environ, "PATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.PIPE,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    if result.returncode:
        raise SystemExit(f"{block.place}: bash ended with status {result.returncode}, printing\n{result.stdout}")
    return result.stdout


def _compare(block: Block, printed: str) -> None:
    expected = ".*".join(re.escape(part) for part in block.code.strip().split("…"))
    got = "\n".join(line.rstrip() for line in printed.strip().splitlines())
    if not re.fullmatch(expected, got, re.DOTALL):
        raise SystemExit(f"{block.place}: the page says\n{block.code}\nand what was printed is\n{got}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
