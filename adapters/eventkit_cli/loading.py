"""From `module:app`, as it is written on the command line, to the app."""

import importlib
import os
import pkgutil
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from eventkit.app import App
from eventkit.errors import ConfigurationError, EventkitError
from eventkit.names import Names
from eventkit_cli.failures import place_of, short_trace

__all__ = ["Reference", "load_app", "load_beside", "load_named", "require_module"]


@dataclass(frozen=True, slots=True)
class Reference:
    """Where an app is: a module and the name of a variable in it."""

    module: str
    variable: str

    @classmethod
    def parse(cls, text: str) -> "Reference":
        """Read `module:app`. Raises `ConfigurationError`."""
        module, _, variable = text.partition(":")
        dotted = module.removesuffix(".py").replace("/", ".").strip(".")
        if dotted == module and _is_dotted(module) and variable.isidentifier():
            return cls(module, variable)
        example = f"{dotted if _is_dotted(dotted) else 'blog.app'}:{variable if variable.isidentifier() else 'app'}"
        raise ConfigurationError(f"{text!r} does not name an app: write MODULE:APP, for instance {example}")

    def __str__(self) -> str:
        return f"{self.module}:{self.variable}"


def _is_dotted(name: str) -> bool:
    return all(part.isidentifier() for part in name.split("."))


def require_module(reference: Reference) -> None:
    """Raise `ConfigurationError` where the module's first part cannot be found; nothing is imported."""
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    top = reference.module.partition(".")[0]
    if find_spec(top) is None:
        known = [module.name for module in pkgutil.iter_modules([here])]
        raise ConfigurationError(f"there is no module {top!r} in {here}, nor is one installed{_similar(top, known)}")


def load_app(reference: Reference) -> App:
    """Import the app, with the current directory on `sys.path`.

    Raises `ConfigurationError` where it is not there or its module cannot be imported, and what eventkit itself finds
    wrong with its declarations, with the place as a note.
    """
    require_module(reference)
    module = _imported(reference)
    found: object = getattr(module, reference.variable, None)
    if isinstance(found, App):
        return found
    apps = [name for name, value in vars(module).items() if isinstance(value, App)]
    has = f"it has the app {' and the app '.join(apps)}" if apps else "it has no app"
    if not hasattr(module, reference.variable):
        hint = "" if apps else _similar(reference.variable, vars(module))
        raise ConfigurationError(f"the module {reference.module!r} has no {reference.variable!r}; {has}{hint}")
    kind = type(found).__name__
    raise ConfigurationError(f"{reference} is no App but of the type {kind}; {has}")


def load_named(app: str, via: Iterable[str] = ()) -> tuple[App, Names]:
    """The app that `module:app` names, and what its resources are called: by the environment, and by `--via`.

    Raises `ConfigurationError`.
    """
    loaded = load_app(Reference.parse(app))
    sources = (selector.resource for route in loaded.routes() for selector in route.source.selectors)
    return loaded, Names.from_environ(loaded.name, os.environ).with_via(via, sources)


def load_beside(app: Reference, variable: str) -> object | None:
    """What a variable of the module `dev` beside the app's is; None where there is no such module, or variable.

    The app has been loaded before. Raises `ConfigurationError` where the module cannot be imported.
    """
    package = app.module.rpartition(".")[0]
    beside = Reference(f"{package}.dev" if package else "dev", variable)
    spec = find_spec(beside.module)
    here = sys.modules[app.module].__file__
    if spec is None or spec.origin is None or here is None or Path(spec.origin).parent != Path(here).parent:
        return None
    found: object | None = getattr(_imported(beside), variable, None)
    return found


def _imported(reference: Reference) -> ModuleType:
    try:
        return importlib.import_module(reference.module)
    except EventkitError as error:
        error.add_note(f"at {place_of(error) or reference.module}")
        raise
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if not f"{reference.module}.".startswith(f"{missing}."):
            raise _broken(reference, error) from error
        package, _, name = missing.rpartition(".")
        raise ConfigurationError(
            f"there is no module {missing!r}{_similar(name, _modules_in(package), f'{package}.')}"
        ) from error
    except (Exception, SystemExit) as error:
        raise _broken(reference, error) from error


def _broken(reference: Reference, error: BaseException) -> ConfigurationError:
    broken = ConfigurationError(f"the module {reference.module!r} cannot be imported:")
    for line in short_trace(error):
        broken.add_note(line)
    return broken


def _modules_in(package: str) -> Iterable[str]:
    folders = getattr(sys.modules.get(package), "__path__", [])
    return [module.name for module in pkgutil.iter_modules(folders)]


def _similar(name: str, known: Iterable[str], prefix: str = "") -> str:
    close = get_close_matches(name, list(known), n=1)
    return f"; did you mean {prefix + close[0]!r}?" if close else ""
