"""An app is found by `module:app`, and what is wrong with it is said in sentences."""

from pathlib import Path

import pytest

from tests.adapters.cli.conftest import Command


@pytest.mark.parametrize(
    ("reference", "sentence"),
    [
        ("blog.app", "'blog.app' does not name an app: write MODULE:APP, for instance blog.app:app"),
        ("blog/app.py", "write MODULE:APP, for instance blog.app:app"),
        ("blog/app.py:api", "write MODULE:APP, for instance blog.app:api"),
        ("", "write MODULE:APP, for instance blog.app:app"),
        ("blog.app:", "write MODULE:APP, for instance blog.app:app"),
        (".app:app", "write MODULE:APP, for instance app:app"),
        ("blog.app:app()", "write MODULE:APP, for instance blog.app:app"),
        ("blgo.app:app", "there is no module 'blgo' in"),
        ("blgo.app:app", "did you mean 'blog'?"),
        ("blog.ap:app", "there is no module 'blog.ap'; did you mean 'blog.app'?"),
        ("blog.app.x:app", "there is no module 'blog.app.x'"),
        ("blog.app:application", "the module 'blog.app' has no 'application'; it has the app app"),
        ("blog.app:photos", "blog.app:photos is no App but of the type Bucket; it has the app app"),
        ("blog:app", "the module 'blog' has no 'app'; it has no app"),
    ],
)
def test_a_wrong_reference_is_answered_with_a_sentence(command: Command, reference: str, sentence: str) -> None:
    result = command("routes", reference)

    assert result.code == 2
    assert sentence in result.err
    assert result.err.startswith("eventkit: ")
    assert "Traceback" not in result.err


def test_a_variable_that_is_nearly_right_is_suggested(command: Command, folder: Path) -> None:
    (folder / "other.py").write_text("handler = 1\n")

    result = command("routes", "other:handlr")

    assert "the module 'other' has no 'handlr'; it has no app; did you mean 'handler'?" in result.err


def test_an_error_in_the_app_s_module_shows_its_own_lines_alone(command: Command, folder: Path) -> None:
    (folder / "broken.py").write_text("def first():\n    import nowhere\n\nfirst()\n")

    result = command("routes", "broken:app")

    assert result.code == 2
    assert result.err.splitlines() == [
        "eventkit: the module 'broken' cannot be imported:",
        "  broken.py:4 in <module>",
        "      first()",
        "  broken.py:2 in first",
        "      import nowhere",
        "  ModuleNotFoundError: No module named 'nowhere'",
    ]


@pytest.mark.parametrize(
    ("source", "last"),
    [
        ("app =", "SyntaxError: invalid syntax"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("raise ExceptionGroup('several', [KeyError('first')])", "KeyError: 'first'"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
    ],
)
def test_whatever_a_module_raises_is_shown(command: Command, folder: Path, source: str, last: str) -> None:
    (folder / "broken.py").write_text(source)

    result = command("routes", "broken:app")

    assert result.code == 2
    assert result.err.splitlines()[-1].strip() == last


def test_a_wrong_declaration_is_a_sentence_with_its_place(command: Command, folder: Path) -> None:
    (folder / "wrong.py").write_text(
        "from eventkit import *\n"
        "app = App('wrong')\n"
        "@app.on(Bucket('photos').created())\n"
        "def plan(event: ObjectRemoved) -> None: ...\n"
    )

    result = command("routes", "wrong:app")

    assert result.code == 2
    assert result.err.splitlines() == [
        "eventkit: plan takes ObjectRemoved, and its source gives ObjectCreated",
        "  at wrong.py:3 in <module>",
    ]
