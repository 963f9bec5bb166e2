"""An environment is made when it is missing or out of date, and only then."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from benchmarks.environment import Environment, Unavailable


@dataclass(frozen=True, slots=True)
class Folder(Environment):
    """An environment that is a folder; it remembers how often it was filled."""

    runtime: str = "1.0"
    made: list[str] = field(default_factory=list[str])

    @property
    def home(self) -> Path:
        return self.pins.parent / self.name

    def _runtime(self) -> str:
        if not self.runtime:
            raise Unavailable("there is nothing to run it")
        return self.runtime

    def _install(self) -> None:
        self.home.mkdir(exist_ok=True)
        self.made.append(self.pins.read_text("utf-8"))


@pytest.fixture
def pins(tmp_path: Path) -> Path:
    path = tmp_path / "pins.txt"
    path.write_text("one==1", "utf-8")
    return path


def test_an_environment_is_made_once(pins: Path) -> None:
    folder = Folder("folder", pins)
    assert not folder.is_ready()

    folder.make()
    folder.make()

    assert folder.is_ready()
    assert folder.made == ["one==1"]


def test_it_is_made_again_when_its_pins_change(pins: Path) -> None:
    folder = Folder("folder", pins)
    folder.make()

    pins.write_text("one==2", "utf-8")

    assert not folder.is_ready()
    folder.make()
    assert folder.made == ["one==1", "one==2"]


def test_it_is_made_again_for_another_runtime(pins: Path) -> None:
    Folder("folder", pins).make()

    assert not Folder("folder", pins, runtime="2.0").is_ready()


def test_without_a_runtime_it_is_not_ready_and_cannot_be_made(pins: Path) -> None:
    folder = Folder("folder", pins, runtime="")

    assert not folder.is_ready()
    with pytest.raises(Unavailable, match="nothing to run it"):
        folder.make()
