"""How a process shares the shards of streams."""

from dataclasses import dataclass

__all__ = ["SharingSettings"]


@dataclass(frozen=True, slots=True)
class SharingSettings:
    """How a process shares shards with others; `Settings` says what may be chosen.

    Attributes:
        worker: The process's name, which no other one has, nor ever had: the owner of its leases.
        failover: Seconds after which a lease that was not renewed is free. All processes of a group must have the same.
        sync: Seconds from one listing of the shards to the next.
        handover: Seconds that the consumer of a shard gets to come to an end when the shard is given away.
    """

    worker: str
    failover: float = 10.0
    sync: float = 60.0
    handover: float = 30.0

    @property
    def interval(self) -> float:
        """Seconds from one renewal, and from one look at the leases, to the next; and what a call in it may take."""
        return self.failover / 3

    @property
    def patience(self) -> float:
        """Seconds that a renewal may take, so that several fit into the time that is left when one is due."""
        return self.failover / 6
