"""boto3's clients for any service by its name; boto3's own types want the name to be a constant."""

from typing import Any

import boto3


def client(service: str, endpoint_url: str | None = None, region: str = "us-east-1") -> Any:  # noqa: ANN401 - see above
    session: Any = boto3.Session(region_name=region)
    return session.client(service, endpoint_url=endpoint_url)
