"""A backend whose payloads all take the way through S3 keeps the promises of the port."""

from collections.abc import Mapping
from typing import ClassVar

import pytest

from eventkit.testing.backends import BackendContract
from eventkit_aws.claims import Claims, claim_checked
from tests.adapters.aws.claims import Shelf
from tests.contract.test_memory import MemoryWorld


class ClaimsWorld(MemoryWorld):
    def __init__(self) -> None:
        super().__init__()
        self.bare = self.backend
        self.backend = claim_checked(self.bare, Claims(Shelf(), "payloads", threshold=0))


class TestClaims(BackendContract):
    deviations: ClassVar[Mapping[str, str]] = {
        "test_a_message_that_is_too_large_is_refused_before_anything_is_sent": "its payload goes through S3 instead",
    }

    @pytest.fixture
    def world(self) -> ClaimsWorld:
        return ClaimsWorld()
