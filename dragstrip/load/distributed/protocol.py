"""What a race's workers and its master tell each other, so that any message may be lost.

Each side repeats all that the other needs to know of it: a worker its snapshot, every second, the
master its orders, in answer. A newer message replaces an older one of the same sender, so messages
may be lost, doubled or overtake one another: the next one makes up for it. What a worker has
finished, the report of a slice or its last counts, is in every snapshot until the master has it.

Histograms go with reports and last counts only: to encode them takes the event loop some
milliseconds, in which requests would be late.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypedDict

from dragstrip.ledger.live_counts import Brief, total

if TYPE_CHECKING:
    from dragstrip.run.live_stats import Live
    from dragstrip.run.slice_report import FinalCounts, WorkerReport

SNAPSHOT_S = 1.0
SILENT_S = 10
"""A worker that was not heard of for longer is lost. A shorter pause may be a busy machine's."""


class SliceShare(NamedTuple):
    """A worker's share of a slice: every `of`-th arrival from `position`."""

    slice: int
    position: int
    of: int


class SoFar(TypedDict):
    """What a process has counted of a slice up to now, by target, then by operation."""

    slice: int | None
    targets: dict[str, dict[str, Brief]]


class Snapshot(TypedDict):
    """All that a worker has to say. `seq` counts up from 1."""

    run_id: str
    worker: int
    seq: int
    rows: int
    """Requests begun so far."""
    slice: int | None
    """The slice that it began last."""
    done: bool
    """Whether that slice is over."""
    report: WorkerReport | None
    """The report of that slice, until it is acknowledged."""
    totals: FinalCounts | None
    """What it has counted in all, once it has finished."""
    problem: str | None
    """Why it cannot go on."""
    so_far: SoFar | None
    """What the slice under way has come to, where somebody looks on."""


class Orders(TypedDict):
    """All that the master wants of one worker. `seq` counts up from 1."""

    run_id: str
    seq: int
    share: tuple[int, int, int] | None
    """The slice to run, as a SliceShare; one that was begun already is not begun again."""
    acknowledged: int
    """The last slice of which the master has the report, -1 for none."""
    finish: bool
    """Whether to stop the users and send the totals."""
    settled: bool
    """Whether the master has the totals."""
    dismissed: bool
    """Whether it counts as lost and is to go."""


class WorkerEnd:
    """A worker's end of the line."""

    def __init__(self, run_id: str, worker: int) -> None:
        self.worker = worker
        self.finishing = self.settled = self.dismissed = False
        self._run_id = run_id
        self._seq = self._heard = 0
        self._slice: int | None = None
        self._done = False
        self._report: WorkerReport | None = None
        self._totals: FinalCounts | None = None
        self._problem: str | None = None

    def hear(self, orders: Orders) -> SliceShare | None:
        """Take in orders; return the slice to begin now, if there is one."""
        if orders["run_id"] != self._run_id or orders["seq"] <= self._heard:
            return None
        self._heard = orders["seq"]
        self.finishing |= orders["finish"]
        self.settled |= orders["settled"]
        self.dismissed |= orders["dismissed"]
        last = -1 if self._slice is None else self._slice
        if orders["acknowledged"] >= last:
            self._report = None
        share = SliceShare(*orders["share"]) if orders["share"] else None
        busy = self._slice is not None and not self._done
        if share is None or busy or share.slice <= last:
            return None
        self._slice, self._done = share.slice, False
        return share

    def complete(self, report: WorkerReport) -> None:
        """Note that the slice begun last is over."""
        self._done, self._report = True, report

    def fail(self, problem: str) -> None:
        """Note that this worker cannot go on."""
        self._problem = problem

    def finish(self, totals: FinalCounts) -> None:
        """Note that everything is over and counted."""
        self._totals = totals

    def snapshot(self, rows: int, so_far: SoFar | None = None) -> Snapshot:
        """Return what to send; `rows` were begun so far."""
        self._seq += 1
        return {
            "run_id": self._run_id,
            "worker": self.worker,
            "seq": self._seq,
            "rows": rows,
            "slice": self._slice,
            "done": self._done,
            "report": self._report,
            "totals": self._totals,
            "problem": self._problem,
            "so_far": so_far,
        }


@dataclass
class _Member:
    heard: int = 0
    sent: int = 0
    silent_s: int = 0
    share: SliceShare | None = None
    acknowledged: int = -1
    report: WorkerReport | None = None
    totals: FinalCounts | None = None
    so_far: SoFar | None = None


class MasterEnd:
    """The master's end of the lines to all workers."""

    def __init__(self, run_id: str) -> None:
        self.lost: dict[int, str] = {}
        """The workers that are gone, and what became of each."""
        self.seconds = 0
        self._run_id = run_id
        self._members: dict[int, _Member] = {}
        self._finishing = False
        self._announced: int | None = None

    @property
    def members(self) -> list[int]:
        """The workers that were heard of and are not lost, in order."""
        return sorted(self._members.keys() - self.lost.keys())

    @property
    def totals(self) -> dict[int, FinalCounts]:
        """The totals of the workers that have sent them."""
        members = sorted(self._members.items())
        return {number: one.totals for number, one in members if one.totals}

    def hear(self, snapshot: Snapshot) -> None:
        """Take in a snapshot, unless a newer one was here, or it is of another run."""
        number = snapshot["worker"]
        if snapshot["run_id"] != self._run_id or number in self.lost:
            return
        member = self._members.setdefault(number, _Member())
        if snapshot["seq"] <= member.heard:
            return
        member.heard, member.silent_s = snapshot["seq"], 0
        member.so_far = snapshot["so_far"]
        share, report = member.share, snapshot["report"]
        if report and share and member.acknowledged < share.slice == snapshot["slice"]:
            member.report, member.acknowledged = report, share.slice
        if self._finishing and snapshot["totals"]:
            member.totals = snapshot["totals"]
        if snapshot["problem"]:
            self.lose(number, f"could not go on: {snapshot['problem']}")

    def announce(self, index: int, workers: list[int]) -> None:
        """Share a slice among workers; the others take no part in it."""
        self._announced = index
        for member in self._members.values():
            member.share = member.report = None
        for position, number in enumerate(workers):
            self._members[number].share = SliceShare(index, position, len(workers))

    def report_of(self, worker: int) -> WorkerReport | None:
        """Return a worker's report of the slice announced last, once it is here."""
        return self._members[worker].report

    def finish(self) -> None:
        """Ask every worker for its totals."""
        self._finishing = True
        for member in self._members.values():
            member.share = member.report = None

    def live(self) -> Live:
        """Return how the slice announced last is doing, by what was heard of it."""
        index = self._announced
        heard = [
            member.so_far["targets"]
            for member in self._members.values()
            if member.so_far and member.so_far["slice"] == index
        ]
        places = sorted({(one, each) for so_far in heard for one in so_far for each in so_far[one]})
        targets: dict[str, dict[str, Brief]] = {}
        for target, operation in places:
            found = (so_far.get(target, {}).get(operation) for so_far in heard)
            targets.setdefault(target, {})[operation] = total(filter(None, found))
        return {
            "slice": index,
            "targets": targets,
            "processes": len(self.members),
            "lost": len(self.lost),
        }

    def lose(self, worker: int, what: str) -> None:
        """Count a worker as lost, unless it has nothing more to say."""
        if not self._members[worker].totals:
            self.lost.setdefault(worker, what)

    def excuse(self, worker: int) -> None:
        """Take a worker's silence up to now for no sign of a loss."""
        self._members[worker].silent_s = 0

    def elapse(self) -> None:
        """Let a second pass. A caller that was paused counts one second, and loses no worker."""
        self.seconds += 1
        for number in self.members:
            member = self._members[number]
            member.silent_s += 1
            if member.silent_s > SILENT_S:
                self.lose(number, "was lost")

    def orders(self, worker: int) -> Orders:
        """Return what to send to a worker."""
        member = self._members[worker]
        member.sent += 1
        return {
            "run_id": self._run_id,
            "seq": member.sent,
            "share": member.share,
            "acknowledged": member.acknowledged,
            "finish": self._finishing,
            "settled": member.totals is not None,
            "dismissed": worker in self.lost,
        }
