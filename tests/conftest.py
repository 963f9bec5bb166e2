import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.moto_server import moto_server

pytest.register_assert_rewrite(*(f"eventkit.testing.{suite}" for suite in ("backends", "leases", "stores", "streams")))

# The same examples in every run: a red test must stay red until somebody repairs it.
settings.register_profile("deterministic", derandomize=True, deadline=None)
settings.load_profile("deterministic")

# No test may reach a real account, whatever the machine's profile says.
os.environ |= {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}
for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL"):
    os.environ.pop(name, None)


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    """The address of moto, whose state is the process's: it forgets nothing when its server stops."""
    with moto_server() as url:
        yield url
