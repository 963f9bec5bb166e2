"""From an app to a text: what `eventkit generate` writes."""

import json
from collections.abc import Sequence
from importlib import import_module
from typing import Any, Literal, get_args

from eventkit.app import App
from eventkit.errors import ConfigurationError, MissingExtraError
from eventkit.names import Names
from eventkit_deploy.deployment import Options, deployment_of
from eventkit_deploy.ecs import ecs
from eventkit_deploy.kubernetes import kubernetes
from eventkit_deploy.mappings import mappings_of

__all__ = ["Kind", "generate", "to_yaml"]

Kind = Literal["kubernetes", "ecs", "mappings"]
"""What can be generated: manifests, a CloudFormation template, or what Lambda's event source mappings must have."""

WIDTH = 120


def generate(kind: str, app: App, names: Names, options: Options) -> str:
    """The documents of a kind for an app, as YAML; mappings, for which no option matters, as JSON.

    Raises `ConfigurationError` for a kind that there is not, and for what the kind needs and is not known;
    `MissingExtraError` without PyYAML.
    """
    if kind not in get_args(Kind):
        raise ConfigurationError(f"{kind!r} cannot be generated: write {' or '.join(get_args(Kind))}")
    if kind == "mappings":
        return f"{json.dumps(mappings_of(app, names), indent=2)}\n"
    deployment = deployment_of(app, names, options)
    return to_yaml(kubernetes(deployment) if kind == "kubernetes" else [ecs(deployment)])


def to_yaml(documents: Sequence[object]) -> str:
    """Documents of plain data as YAML, in their order. Raises `MissingExtraError` without PyYAML."""
    try:
        yaml: Any = import_module("yaml")
    except ModuleNotFoundError as error:
        raise MissingExtraError(error.name or "yaml", "deploy") from error
    separate: list[object] = json.loads(json.dumps(documents))  # what is shared would be written as an alias
    text: str = yaml.safe_dump_all(separate, sort_keys=False, allow_unicode=True, width=WIDTH, explicit_start=True)
    return text
