"""How clients are made: what a backend's URL says, and settings that suit long polls."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit

from eventkit.errors import ConfigurationError, MissingExtraError

__all__ = ["Options", "Split", "imported", "split_claims"]

READ_TIMEOUT = 30
"""Seconds; a long poll may be silent for 20."""

CONNECT_TIMEOUT = 5
"""Seconds."""

ATTEMPTS = 2
"""Calls for one request, the first included. The second is for connections that the service has closed; whoever calls
has patience of his own."""

CONNECTIONS = 100
"""Connections of one client. Each long poll holds one, and a delete must never wait for those to end."""


@dataclass(frozen=True, slots=True)
class Options:
    """The options of a backend's URL: `sqs://?region=eu-west-1&endpoint=http://127.0.0.1:4566&connections=200`.

    Without them botocore's usual sources apply, `AWS_ENDPOINT_URL` and profiles among them; the Region may be in
    `AWS_REGION`, too.
    """

    region: str | None = None
    endpoint: str | None = None
    connections: int = CONNECTIONS

    @classmethod
    def from_url(cls, url: str) -> "Options":
        """Raises `ConfigurationError` for an option that there is not."""
        parts = urlsplit(url)
        given = dict(parse_qsl(parts.query, keep_blank_values=True))
        region, endpoint = given.pop("region", None), given.pop("endpoint", None)
        connections = given.pop("connections", str(CONNECTIONS))
        if given or parts.netloc or parts.path or not connections.isdecimal() or int(connections) < 1:
            raise ConfigurationError(
                f"{url!r}: write {parts.scheme}://, with ?region=…, ?endpoint=… or ?connections=… where needed"
            )
        return cls(region or None, endpoint or None, int(connections))

    def client(self) -> dict[str, Any]:
        """The arguments that make a client of boto3 or aioboto3. Raises `MissingExtraError`."""
        config = imported("botocore.config").Config(
            user_agent=f"Botocore/{imported('botocore').__version__} eventkit",  # botocore's own is made twice a call
            parameter_validation=False,  # the requests are made here
            connect_timeout=CONNECT_TIMEOUT,
            read_timeout=READ_TIMEOUT,
            retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
            max_pool_connections=self.connections,
            tcp_keepalive=True,
        )
        region = self.region or os.environ.get("AWS_REGION")
        return {"region_name": region, "endpoint_url": self.endpoint, "config": config}


class Split(NamedTuple):
    """A backend's URL in two: what `Options` knows, and the options of `eventkit_aws.claims`."""

    url: str
    claims: Mapping[str, str]


def split_claims(url: str) -> Split:
    """Take from a URL the options that begin with `claim_`."""
    scheme, _, query = url.partition("?")
    given = parse_qsl(query, keep_blank_values=True)
    claims = {name: value for name, value in given if name.startswith("claim_")}
    rest = [pair for pair in given if pair[0] not in claims]
    return Split("?".join(filter(None, (scheme, urlencode(rest)))) if claims else url, claims)


def imported(module: str) -> Any:  # noqa: ANN401 - the SDKs are typed by packages that users need not have
    """The module of an SDK. Raises `MissingExtraError` when it is not installed."""
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise MissingExtraError(error.name or module, "aws") from error
