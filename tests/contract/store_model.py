"""What a store must do, as a model: one record, three actors who may crash or freeze, and a clock."""

from dataclasses import dataclass, field

from eventkit.stores import Claimed, Claiming, Finished, InProgress

LEASE, TTL = 10, 30
"""Seconds."""

ACTORS = ("a", "b", "c")

Answer = str
"""`claimed`, `in progress` or `finished` of a claim, and `yes` or `no` of the others."""


@dataclass
class Model:
    """The one record that there is, and who has ever done the work under which attempt."""

    now: int = 0
    owner: str | None = None
    finished: bool = False
    until: int = 0
    executions: list[str] = field(default_factory=list[str])
    """The attempts that were told that what they did is written down."""

    @property
    def may_be_gone(self) -> bool:
        """Whether the record is finished and its time over: some stores have deleted it then, and some have not yet."""
        return self.finished and self.until <= self.now

    def claim(self, owner: str) -> Answer:
        if self.owner is not None and self.until > self.now:
            if self.finished:
                return "finished"
            if self.owner != owner:
                return "in progress"
        self.owner, self.finished, self.until = owner, False, self.now + LEASE
        return "claimed"

    def renew(self, owner: str) -> Answer:
        if self.owner != owner or self.finished:
            return "no"
        self.until = self.now + LEASE
        return "yes"

    def complete(self, owner: str) -> Answer:
        if self.owner != owner:
            return "no"
        if not self.finished:
            self.finished, self.until = True, self.now + TTL
            self.executions.append(owner)
        return "yes"

    def release(self, owner: str) -> Answer:
        if self.owner != owner or self.finished:
            return "no"
        self.owner = None
        return "yes"


def answer_of(found: object) -> Answer:
    """A store's answer in the model's words."""
    match found:
        case Claimed():
            return "claimed"
        case InProgress():
            return "in progress"
        case Finished():
            return "finished"
        case _:
            return "yes" if found else "no"


def claiming(owner: str) -> Claiming:
    return Claiming(owner, "payload", LEASE)
