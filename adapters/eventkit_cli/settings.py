"""What can be chosen about `eventkit run`: each by an option and by a variable of the environment.

Everything is derived from the fields of `RunSettings` and of the poller's `Settings`: names, types, defaults, and the
sentences that say what they are for.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from enum import Enum
from inspect import cleandoc
from typing import Annotated, Any, TypeVar, cast, get_args, get_origin, get_type_hints

from pydantic import BeforeValidator, ValidationError, create_model
from pydantic_core import ErrorDetails, PydanticCustomError

from eventkit.errors import ConfigurationError, MissingExtraError
from eventkit.names import KINDS, ON_FAILURE, PREFIX
from eventkit_cli.logs import Level, LogFormat
from eventkit_poller import Settings
from eventkit_poller.health import Address

try:
    from pydantic_settings import (
        BaseSettings,
        EnvSettingsSource,
        NoDecode,
        PydanticBaseSettingsSource,
        SettingsConfigDict,
    )
except ModuleNotFoundError as _error:
    raise MissingExtraError("pydantic_settings", "poller") from _error

__all__ = ["Choice", "RunSettings", "as_variables", "choices", "read_settings", "require_known"]

ELSEWHERE = (ON_FAILURE, f"{PREFIX}CACHE")
"""Variables that other parts of eventkit read."""

FAMILIES = (*KINDS, "VIA")
"""What stands between the prefix and a resource's name."""

RULES = {
    "int_parsing": "it must be a whole number",
    "int_from_float": "it must be a whole number",
    "float_parsing": "it must be a number",
    "finite_number": "it must be a number",
    "enum": "it must be {expected}",
}
"""What pydantic finds wrong, in our words."""

_DESCRIBED = re.compile(r"^ {4}(\w+): (.+(?:\n {5,}.+)*)", re.MULTILINE)
"""An attribute in a docstring."""


@dataclass(frozen=True, slots=True)
class RunSettings:
    """How the poller is run. Raises `ConfigurationError` for what cannot be.

    Attributes:
        backend: Where the queues and streams are; sqs:// takes ?region= and ?endpoint=.
        store: Where idempotent routes remember what was done: dynamodb://TABLE, redis://HOST:PORT/DB.
        leases: Where processes share the shards of streams, and keep how far they have come:
            dynamodb://TABLE?create=true. memory:// is for one process, and forgets when that ends.
        workers: Processes that poll. One that dies or hangs is replaced.
        health: HOST:PORT where /healthz, /readyz and /metrics are answered.
        log_format: How the log is written; auto is text on a terminal, and JSON elsewhere.
        log_level: From which level on the log is written.
    """

    backend: str = field(default="sqs://", metadata={"metavar": "URL"})
    store: str | None = field(default=None, metadata={"metavar": "URL"})
    leases: str = field(default="memory://", metadata={"metavar": "URL"})
    workers: int = 1
    health: str | None = field(default=None, metadata={"metavar": "HOST:PORT"})
    log_format: LogFormat = LogFormat.AUTO
    log_level: Level = Level.INFO

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise ConfigurationError(f"workers={self.workers}: it must be at least 1")
        try:
            _ = self.address
        except ConfigurationError as error:
            raise ConfigurationError(f"health={self.health}: {error}") from error

    @property
    def address(self) -> Address | None:
        """Where health is served."""
        return None if self.health is None else Address.parse(self.health)

    @property
    def forgets(self) -> bool:
        """Whether the leases are those of one process, and gone with it."""
        return self.leases.partition(":")[0] == "memory"


@dataclass(frozen=True, slots=True)
class Choice:
    """One thing that can be chosen.

    Attributes:
        name: What it is called.
        annotation: Its type.
        default: What it is if nobody chooses.
        help: What it is for.
        metavar: What stands for its value in a help text, where that is not its type.
    """

    name: str
    annotation: Any
    default: object
    help: str
    metavar: str | None

    @property
    def option(self) -> str:
        """The option of the command."""
        return f"--{self.name.replace('_', '-')}"

    @property
    def variable(self) -> str:
        """The variable of the environment."""
        return f"{PREFIX}{self.name.upper()}"

    @property
    def kind(self) -> type:
        """What an option's text is to be: a number, one of an enumeration, or any text."""
        kinds = [kind for kind in (self.annotation, *get_args(self.annotation)) if isinstance(kind, type)]
        return next((kind for kind in kinds if not self.is_mapping and issubclass(kind, (int, float, Enum))), str)

    @property
    def is_mapping(self) -> bool:
        """Whether it is numbers by name."""
        return get_origin(self.annotation) is Mapping


class _Variables(BaseSettings):
    """The base of what is read: takes what it is given, and nothing by itself."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, allow_inf_nan=False, validate_default=False)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - pydantic-settings calls it so
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - likewise
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - likewise
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - likewise
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)


def choices() -> Iterator[Choice]:
    """Everything that can be chosen."""
    for defaults in (RunSettings(), Settings()):
        kind = type(defaults)
        annotations, told = get_type_hints(kind), dict(_DESCRIBED.findall(cleandoc(kind.__doc__ or "")))
        for one in fields(kind):
            text = " ".join(told.get(one.name, "").split())
            default = getattr(defaults, one.name)
            annotation = annotations[one.name]
            metavar = one.metadata.get("metavar") or ("NAME=NUMBER,…" if get_origin(annotation) is Mapping else None)
            yield Choice(one.name, annotation, default, text, metavar)


def read_settings(environ: Mapping[str, str], options: Mapping[str, str]) -> tuple[RunSettings, Settings]:
    """What the environment chooses, and the command's options, whose texts by name win over it.

    Raises `ConfigurationError`, which names the option or the variable.
    """
    known = list(choices())
    spelled = {one.name: one.option if one.name in options else one.variable for one in known}
    chosen = {one.variable: options[one.name] for one in known if one.name in options}
    try:
        values = _values(known, {**environ, **chosen})
        return _of(RunSettings, values), _of(Settings, values)
    except ValidationError as error:
        raise ConfigurationError("; ".join(_sentence(one, spelled) for one in error.errors())) from error
    except ConfigurationError as error:
        name, _, rest = str(error).partition("=")
        raise ConfigurationError(f"{spelled[name]}={rest}" if name in spelled else str(error)) from error


def as_variables(settings: RunSettings, poller: Settings) -> dict[str, str]:
    """The environment that chooses the same."""
    values = {one.name: getattr(chosen, one.name) for chosen in (settings, poller) for one in fields(chosen)}
    return {one.variable: _text(values[one.name]) for one in choices()}


def _text(value: object) -> str:
    match value:
        case None:
            return ""
        case Mapping():
            return ",".join(f"{name}={number}" for name, number in cast("Mapping[str, float]", value).items())
        case _:
            return str(value)


def require_known(environ: Mapping[str, str]) -> None:
    """Raise `ConfigurationError` for variables that look like eventkit's and are not, with the nearest that are."""
    known = {*ELSEWHERE, *(choice.variable for choice in choices())}
    unknown = [name for name in sorted(environ) if name.startswith(PREFIX) and not _is_known(name, known)]
    if unknown:
        raise ConfigurationError("; ".join(f"{name} is no setting{_nearest(name, known)}" for name in unknown))


def _is_known(variable: str, known: Collection[str]) -> bool:
    family, _, name = variable.removeprefix(PREFIX).partition("_")
    return variable in known or (family in FAMILIES and name != "")


def _nearest(variable: str, known: Collection[str]) -> str:
    wrong = variable.removeprefix(PREFIX)
    families = [f"{family}_{wrong.partition('_')[2] or '<NAME>'}" for family in FAMILIES]
    close = get_close_matches(wrong, [*(name.removeprefix(PREFIX) for name in sorted(known)), *families], n=1)
    return f"; did you mean {PREFIX}{close[0]}?" if close else ""


T = TypeVar("T", RunSettings, Settings)


def _of(kind: type[T], values: BaseSettings) -> T:
    return kind(**{one.name: getattr(values, one.name) for one in fields(kind)})


def _values(known: Iterable[Choice], environ: Mapping[str, str]) -> BaseSettings:
    """What the variables say, converted."""
    types: dict[str, Any] = {one.name: (_read_as(one), one.default) for one in known}
    model = create_model("Variables", __base__=_Variables, **types)
    source = EnvSettingsSource(model, env_ignore_empty=True)
    source.env_vars = {name.lower(): text for name, text in environ.items() if name.startswith(PREFIX) and text}
    return model(**source())


def _read_as(choice: Choice) -> object:
    if not choice.is_mapping:
        return choice.annotation
    return Annotated[choice.annotation, NoDecode, BeforeValidator(_pairs)]


def _pairs(text: str) -> dict[str, str]:
    """Read `jobs=3,photos=1`."""
    pairs = [part.partition("=") for part in text.split(",")]
    if not all(name.strip() and number.strip() for name, _, number in pairs):
        raise PydanticCustomError("pairs", "write NAME=NUMBER, several with commas between them")
    return {name.strip(): number.strip() for name, _, number in pairs}


def _sentence(error: ErrorDetails, spelled: Mapping[str, str]) -> str:
    """What is wrong with a value, and where it was chosen."""
    name, *inside = map(str, error["loc"])
    rule = RULES.get(error["type"], error["msg"]).format(**error.get("ctx", {}))
    return f"{' '.join([spelled[name], *inside])}={error['input']}: {rule}"
