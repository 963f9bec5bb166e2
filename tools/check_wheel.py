"""Build the wheel and check what a user gets from it, away from the checkout.

Without extras it must import, bring no AWS SDK along, and its public types must be complete.
"""

import os
import sys
import sysconfig
import tempfile
import tomllib
from pathlib import Path

from environment import step

PROBE = """
import sys
import eventkit, eventkit_lambda
loaded = {"PIL", "aioboto3", "aiobotocore", "aiohttp", "boto3", "botocore"} & sys.modules.keys()
sys.exit(f"importing eventkit and eventkit_lambda has loaded {sorted(loaded)}" if loaded else 0)
"""


def main() -> None:
    """Build, install without extras, import, and ask pyright for the completeness of the types."""
    pyproject = tomllib.loads(Path("pyproject.toml").read_text("utf-8"))
    packages = [Path(path).name for path in pyproject["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]]
    with tempfile.TemporaryDirectory() as away:
        step("building the wheel", sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", away)
        (wheel,) = Path(away).glob("*.whl")
        venv = Path(away, "venv")
        python = venv / "bin" / "python"
        step("making an empty environment", sys.executable, "-m", "venv", str(venv))
        pip = (str(python), "-m", "pip", "install", "--disable-pip-version-check", "--constraint", "constraints.txt")
        step("installing the wheel without extras", *pip, str(wheel))
        # -I keeps the checkout out of sys.path.
        step("importing it", str(python), "-I", "-c", PROBE)

        # The extras' types come from the environment that runs this, behind the wheel's own packages; --verifytypes
        # ignores --pythonpath and takes the first python on the PATH.
        (site_packages,) = venv.glob("lib/*/site-packages")
        (site_packages / "extras.pth").write_text(sysconfig.get_path("purelib"), "utf-8")
        os.environ["PATH"] = f"{python.parent}{os.pathsep}{os.environ['PATH']}"
        os.chdir(away)
        for package in packages:
            step(
                f"pyright --verifytypes {package}",
                sys.executable,
                "-m",
                "pyright",
                "--verifytypes",
                package,
                "--ignoreexternal",
                tail=100,
            )


if __name__ == "__main__":
    main()
