"""What pyproject.toml says agrees with the disk, with the installed distribution and with the constraints."""

import re
import tomllib
from importlib.metadata import distribution, entry_points
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
BUILD = PYPROJECT["tool"]["hatch"]["build"]
PACKAGES: list[str] = BUILD["targets"]["wheel"]["packages"]
CONSTRAINTS = [
    line for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines() if line and not line.startswith("#")
]


def test_the_wheel_holds_every_package_on_the_disk() -> None:
    roots: list[str] = BUILD["dev-mode-dirs"]

    on_disk = {f"{root}/{init.parent.name}" for root in roots for init in (ROOT / root).glob("*/__init__.py")}

    assert sorted(PACKAGES) == sorted(on_disk)


def test_the_import_contracts_cover_every_package() -> None:
    covered: list[str] = PYPROJECT["tool"]["importlinter"]["root_packages"]

    assert set(covered) == {Path(package).name for package in PACKAGES} | {"examples"}


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_says_that_it_is_typed(package: str) -> None:
    assert (ROOT / package / "py.typed").is_file()


def test_no_package_takes_a_name_that_others_could_want() -> None:
    names = [Path(package).name for package in PACKAGES]

    assert [name for name in names if not re.fullmatch(r"eventkit(_[a-z]+)?", name)] == []


def test_the_installed_version_is_the_one_of_the_project() -> None:
    assert distribution("eventkit-aws").version == PYPROJECT["project"]["version"]


@pytest.mark.parametrize("group", ["console_scripts", "eventkit.backends", "eventkit.stores"])
def test_every_entry_point_leads_to_something_callable(group: str) -> None:
    project = PYPROJECT["project"]
    declared: dict[str, str] = project["scripts"] if group == "console_scripts" else project["entry-points"][group]

    installed = {
        point.name: point for point in entry_points(group=group) if point.dist and point.dist.name == "eventkit-aws"
    }

    assert {name: point.value for name, point in installed.items()} == declared
    assert all(callable(point.load()) for point in installed.values())


def test_each_constraint_pins_one_version_and_names_no_address() -> None:
    assert [line for line in CONSTRAINTS if not re.fullmatch(r"[a-z0-9._-]+==[a-z0-9.]+", line)] == []


def test_every_declared_dependency_is_pinned() -> None:
    project = PYPROJECT["project"]
    groups: list[list[str]] = [project["dependencies"], *project["optional-dependencies"].values()]
    pinned = {re.sub(r"[-_.]+", "-", line.partition("==")[0]) for line in CONSTRAINTS}

    names = {re.split(r"[^\w.-]", requirement)[0].lower() for group in groups for requirement in group}

    assert names - pinned == {"eventkit-aws"}
