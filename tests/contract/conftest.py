import pytest

pytest.register_assert_rewrite(*(f"eventkit.testing.{suite}" for suite in ("backends", "leases", "stores", "streams")))
