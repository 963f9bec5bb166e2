"""What happened in a simulated run, and what of it must not have happened."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Sequence
from math import inf

from eventkit.backends import Raw
from eventkit.outcomes import Outcome, Reject, Retry
from eventkit_poller import Lost, Observation, Settings, Settled
from tests.simulation.scenario import Kind, Life, Scenario, Step
from tests.simulation.service import Service
from tests.simulation.tenures import BLINK, Line, Result, Tenure

__all__ = ["Ledger"]

LONGEST = 43_200
"""Seconds that SQS keeps a message invisible at most."""

BEATS = 12
"""Extensions of a record in the time for which one of them keeps it, at most: there are 6 that fail, or 3."""

STUBBORN: tuple[Kind, ...] = ("swallow", "stubborn", "spiteful")
"""Handlers that go on when they are cancelled."""


class Ledger:
    """Notes what happens, and each wrong as a sentence. A poller that was killed does no wrong."""

    def __init__(self, scenario: Scenario, service: Service) -> None:
        self.scenario = scenario
        self.service = service
        self.trace: list[tuple[float, str, str]] = []
        self.wrongs: list[str] = []
        self.tenures: dict[object, Tenure] = {}
        self.effects: Counter[int] = Counter()
        self.attempts: Counter[int] = Counter()
        self.lines: defaultdict[tuple[str, str], Line] = defaultdict(Line)
        self.counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self.blocked: float = 0.0
        """Seconds for which handlers have kept the event loop for themselves."""
        self.stops: dict[str, float] = {}
        """When pollers were told to stop."""
        self._jobs = {job.body: job for job in scenario.jobs}
        self._final: set[int] = set()  # which messages were handled for good; they may come again all the same
        self._dead: set[str] = set()
        self._loop = asyncio.get_running_loop()

    @property
    def now(self) -> float:
        return self._loop.time()

    def note(self, who: str, what: str) -> None:
        self.trace.append((self.now, who, what))

    def wrong(self, who: str, what: str) -> None:
        if who not in self._dead:
            self.note(who, f"WRONG: {what}")
            self.wrongs.append(f"{who} at {self.now:.3f}: {what}")

    def kill(self, who: str) -> None:
        self.note(who, "killed")
        self._dead.add(who)
        for tenure in self.of(who):
            tenure.running = tenure.held = False

    def of(self, who: str) -> Sequence[Tenure]:
        """What was delivered to a poller."""
        return [tenure for tenure in self.tenures.values() if tenure.poller == who]

    def tenure(self, record: Raw) -> Tenure:
        """A record's delivery."""
        return self.tenures[record["receiptHandle"]]

    def ask(self, who: str, queue: str, limit: int, slots: int) -> None:
        """A receive begins."""
        line = self.lines[who, queue]
        line.receives.append(self.now)
        line.asked += limit
        self._check_slots(who, slots)

    def take(self, who: str, records: Sequence[Raw]) -> None:
        """The service has made records invisible; the answer is still on its way."""
        for record in records:
            self.tenures[record["receiptHandle"]] = Tenure(who, self._jobs[str(record["body"])], record)

    def answer(self, who: str, records: Sequence[Raw], visibility: float, settings: Settings) -> None:
        """A receive is answered."""
        for record in records:
            tenure = self.tenure(record)
            tenure.until, tenure.held = self.now + visibility, True
            tenure.visibility = visibility
            tenure.limit = self.now + max(visibility, settings.hold)
            self._check_stopping(who, tenure)
        self.counts[who]["received"] += len(records)
        self._check_slots(who, settings.concurrency)

    def _check_stopping(self, who: str, tenure: Tenure) -> None:
        for former in self.of(who):
            is_late = former.job is tenure.job and former.returned and former.settled > self.stops.get(who, inf)
            if is_late and former.settled + BLINK < self.now:
                self.wrong(who, f"receives {tenure} while it stops, which it has just given back")

    def check_recovery(self, life: Life, since: float) -> None:
        """A poller with free slots has received since then."""
        if life.name in self.stops or life.name in self._dead or self.blocked:
            return
        free = self._used(life.name) < life.settings.concurrency
        for queue in self.scenario.queues:
            line = self.lines[life.name, queue.name]
            if free and not line.asked and max(line.ended, *line.receives, 0.0) < since:
                self.wrong(life.name, f"has not received from {queue.name} since the outage")

    def cut_off(self, who: str, settings: Settings) -> None:
        """A receive is cancelled, which makes its records invisible to everyone."""
        if self.now < self.stops.get(who, inf) + max(settings.wait, settings.drain) - BLINK:
            self.wrong(who, "cancels a receive that is open")

    def end(self, who: str, queue: str, limit: int) -> None:
        """A receive is over."""
        line = self.lines[who, queue]
        line.ended = self.now
        line.asked -= limit

    def asks(self, who: str) -> int:
        """For how many records receives are open."""
        return sum(line.asked for (poller, _), line in self.lines.items() if poller == who)

    def _check_slots(self, who: str, slots: int) -> None:
        if self._used(who) > slots:
            self.wrong(who, f"holds records and asks for more, in all {self._used(who)}, with {slots} slots")

    def _used(self, who: str) -> int:
        return self.asks(who) + sum(tenure.held for tenure in self.of(who))

    def begin(self, who: str, verb: str, records: Sequence[Raw]) -> Sequence[Tenure]:
        """A call for records begins. An answer of the same moment comes too late, but for what waited for it."""
        tenures = [self.tenure(record) for record in records]
        for tenure in tenures:
            if tenure.gone < self.now or (verb == "return" and tenure.gone <= self.now):
                self.wrong(who, f"{verb} of {tenure}, which the service said to be gone")
            if verb == "delete":
                self._check_delete(who, tenure)
            if verb == "park" and not (tenure.job.poison or tenure.result == "rejected"):
                self.wrong(who, f"parks {tenure}, which was not rejected")
            if verb == "park" and not tenure.held:
                self.wrong(who, f"parks {tenure}, which it has lost")
        return tenures

    def _check_delete(self, who: str, tenure: Tenure) -> None:
        if not (tenure.result == "done" or tenure.parked):
            self.wrong(who, f"deletes {tenure}, which is neither done nor in the dead-letter queue")
        if tenure.due is not None:
            self.wrong(who, f"deletes {tenure}, which it gives back")
        if tenure.until < self.now - BLINK:
            self.wrong(who, f"deletes {tenure}, which it had until {tenure.until:.3f}")

    def probe(self, who: str, queue: str) -> bool:
        """A delete begins; says whether it is one of those that may only go one by one."""
        line = self.lines[who, queue]
        waiting = any(tenure.until > self.now and not tenure.refused for tenure in line.failed)
        if line.failing >= self.now or not waiting:
            return False
        line.probes += 1
        if line.probes > 1:
            self.wrong(who, f"deletes from {queue} while another call finds out whether that works again")
        return True

    def probed(self, who: str, queue: str, failed: Sequence[Tenure], *, alone: bool) -> None:
        """An acknowledgement is answered, or has failed."""
        line = self.lines[who, queue]
        line.probes -= alone
        line.failed = [*line.failed, *failed] if failed else []
        line.failing = min(line.failing, self.now) if failed else inf

    def lose(self, tenures: Sequence[Tenure], lost: Sequence[Raw]) -> None:
        """The poller is told that records are not its own any more, which may be because it deletes them."""
        for tenure in tenures:
            if tenure.record in lost:
                tenure.refused = True
                tenure.gone = tenure.gone if tenure.deleting else min(tenure.gone, self.now)

    def extend(self, who: str, tenures: Sequence[Tenure]) -> None:
        """A heartbeat begins."""
        for tenure in tenures:
            if self.now - tenure.extended < tenure.visibility / BEATS - BLINK:
                self.wrong(who, f"extends {tenure} again after {self.now - tenure.extended:.3f} seconds")
            tenure.extended = self.now
            tenure.failures += 1

    def write(self, who: str, tenure: Tenure, seconds: float, begun: float) -> None:
        """The service keeps a record for so many seconds from now; the call began earlier."""
        if not 0 <= seconds <= LONGEST:
            self.wrong(who, f"keeps {tenure} invisible for {seconds} seconds")
        if tenure.is_returned_by(begun, seconds):
            tenure.returned = True
        elif begun + seconds > tenure.limit + BLINK:
            self.wrong(who, f"keeps {tenure} until {begun + seconds:.3f}, and may until {tenure.limit:.3f}")
        elif tenure.returned:
            self.wrong(who, f"extends {tenure} after having given it back")

    def handle(self, who: str, record: Raw) -> tuple[Tenure, Step]:
        """A handler begins; says what it does."""
        tenure = self.tenure(record)
        step = tenure.job.step(self.attempts[tenure.job.number])
        self.note(who, f"handles {tenure}: {step.kind} {step.seconds}")
        if not tenure.held:
            self.wrong(who, f"handles {tenure} without a slot")
        if tenure.job.group is not None:
            self._check_order(who, tenure)
        self.attempts[tenure.job.number] += 1
        tenure.running = True
        return tenure, step

    def _check_order(self, who: str, tenure: Tenure) -> None:
        group, left = tenure.job.place, self.service.queues[tenure.job.queue].bodies()
        for job in self.scenario.jobs:
            earlier = job.place == group and (job.at, job.number) < (tenure.job.at, tenure.job.number)
            if earlier and job.body in left and job.number not in self._final:
                self.wrong(who, f"handles {tenure} before {job.body} is settled")
        for rival in self.tenures.values():
            again = {tenure.job.number, rival.job.number} & self._final
            beside = rival.running and rival.job.place == group and not again
            if beside and self.is_kept(rival) and self.is_kept(tenure):
                self.wrong(who, f"handles {tenure} beside {rival}")

    def is_kept(self, tenure: Tenure) -> bool:
        """Whether the record is invisible to others because of this delivery."""
        return self.service.queues[tenure.job.queue].invisible_until(tenure.record) > self.now

    def handled(self, who: str, tenure: Tenure, step: Step, result: Result) -> None:
        """A handler ends."""
        tenure.running = False
        if tenure.lost < self.now - BLINK and step.kind not in STUBBORN and not self.blocked:
            self.wrong(who, f"goes on with {tenure}, which it lost at {tenure.lost:.3f}")
        if who not in self._dead:
            tenure.result = result
            self.note(who, f"{result} {tenure}")
            self.effects[tenure.job.number] += result == "done"

    def observe(self, who: str, seen: Observation) -> None:
        """The poller says what happened."""
        if isinstance(seen, Settled):
            self._settle(who, self.tenure(seen.record), seen.outcome)
        elif isinstance(seen, Lost):
            tenure = self.tenure(seen.record)
            self.note(who, f"lost {tenure}")
            self._check_loss(who, tenure)
            self.counts[who]["lost"] += tenure.held
            tenure.held, tenure.lost = False, self.now

    def _check_loss(self, who: str, tenure: Tenure) -> None:
        """One extension may fail, or hang."""
        is_slow = self.blocked or self.scenario.faults.latency > self.scenario.visibility / 20
        is_meant = tenure.refused or tenure.until >= tenure.limit - BLINK
        if tenure.failures <= 1 and not is_slow and not is_meant:
            self.wrong(who, f"loses {tenure} after {tenure.failures} extensions that failed")

    def _settle(self, who: str, tenure: Tenure, outcome: Outcome) -> None:
        self.note(who, f"settled {tenure}: {outcome!r}")
        if not tenure.held:
            self.wrong(who, f"settles {tenure}, which has no slot")
        tenure.outcome, tenure.settled, tenure.held = outcome, self.now, False
        match outcome:
            case Retry():
                kind, is_right = "returned", True
            case Reject():
                kind, is_right = "rejected", tenure.parked
            case _:
                kind, is_right = "done", tenure.result == "done"
        self.counts[who][kind] += 1
        if kind != "returned":
            self._final.add(tenure.job.number)
        if not is_right:
            self.wrong(who, f"settles {tenure} as {kind}, which it is not")
