"""The event loop of the poller's tests, which is the test kit's."""

from eventkit.testing.loop import VirtualLoop

__all__ = ["VirtualLoop"]
