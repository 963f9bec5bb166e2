import pytest

pytest.register_assert_rewrite("eventkit.testing.backends", "eventkit.testing.stores")
