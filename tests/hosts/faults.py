"""Faults of one host at a time, and how long it takes until work goes on without it."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from sqlalchemy.exc import OperationalError

from tests.e2e.installation import LEASE_S
from tests.hosts.cluster import HOSTS, Cluster
from tests.hosts.load import Load, Wait
from tests.waiting import eventually

#: A fault begins when so many takes are in somebody's hands.
IN_HAND = 3
#: How long a fault of a host lasts at least, in seconds: past every lease that it held.
LASTS_S = LEASE_S + 1.0
#: How long the database is away, in seconds: longer than the lease.
AWAY_S = 4.0
#: How long a host that is back has for writing what it should not.
AFTERWARDS_S = 1.0
#: What was on its way to the database when a fault began has arrived after this, in seconds.
SETTLED_S = 0.2


#: (take, whose claim) -> when the claim ends, unless it is extended.
Held = dict[tuple[str, str], datetime]


@dataclass
class Fault:
    """What was done to whom, and what came of it. Seconds are real; None: it did not happen."""

    who: str
    what: str
    taken: int = 0  #: takes that were in its hands, and were taken over when their claims had ended
    went_on_s: float | None = None  #: until nothing waited for it any more
    home_s: float | None = None  #: until the next video was stored
    start_s: float = 0.0  #: the longest wait of a client for its acknowledgement
    page_s: float = 0.0  #: the longest wait of a browser for its page

    def row(self) -> str:
        """A line of the table in docs/reliability.md."""
        shown = ("–" if one is None else f"{one:.1f} s" for one in (self.went_on_s, self.home_s))
        waits = f"{self.start_s:.1f} s | {self.page_s:.1f} s"
        return f"| {self.who} | {self.what} | {self.taken} | {' | '.join(shown)} | {waits} |"


class Faults:
    """Makes faults in a cluster under load, and writes down how it went."""

    def __init__(self, cluster: Cluster, load: Load) -> None:
        self.cluster, self._load = cluster, load
        self.seen: list[Fault] = []

    def all_of_them(self, *, every_host: bool) -> None:
        """Each way, until others have gone on without that host; then what all of them need.

        every_host: in each way; else a way is done with when it met takes in a host's hands.
        """
        cluster, network, hosts = self.cluster, self.cluster.network, list(HOSTS)
        for number, make in enumerate((self.kill, self.freeze, self.cut)):
            for host in hosts[number:] + hosts[:number]:
                make(host)
                if self.seen[-1].taken and not every_host:
                    break
        self._make_away("database", "killed", cluster.kill_database, cluster.start_database)
        for who in ("database", "bucket"):
            self._make_away(who, "cut off", partial(network.cut, who), partial(network.mend, who))

    def kill(self, host: str) -> None:
        """All of its processes die at once, and are started again."""
        self._make(host, "killed", self.cluster.kill, self.cluster.start)

    def freeze(self, host: str) -> None:
        """All of its processes stand still; then they go on, knowing nothing."""
        self._make(host, "frozen", self.cluster.freeze, self.cluster.thaw)

    def cut(self, host: str) -> None:
        """Its cable is pulled, and put back."""
        self._make(host, "cut off", self.cluster.network.cut, self.cluster.network.mend)

    # -- one fault -----------------------------------------------------------------------------------

    def _make(self, host: str, what: str, begin: Callable[[str], None], end: Callable[[str], None]) -> None:
        """Others go on while it lasts; seconds count from its beginning."""
        fault, stored = Fault(host, what), self._wait_for_work()
        began = time.monotonic()
        begin(host)
        time.sleep(SETTLED_S)
        try:
            self._see(fault, self._held(), stored, began)
            time.sleep(max(0.0, began + LASTS_S - time.monotonic()))
        finally:
            end(host)
        self._write_down(fault, began)
        self.cluster.ready(host)

    def _make_away(self, who: str, what: str, begin: Callable[[], None], end: Callable[[], None]) -> None:
        """Nobody can go on while it lasts; seconds count from its end."""
        fault, stored = Fault(who, what), self._wait_for_work()
        held, asked = self._held(), time.monotonic()
        begin()
        time.sleep(AWAY_S)
        end()
        self._see(fault, held, stored, time.monotonic())
        self._write_down(fault, asked)

    def _see(self, fault: Fault, held: Held, stored: int, since: float) -> None:
        """Wait until all that the dead held is in other hands or done, and one more video is home."""

        def gone_on() -> bool:
            with suppress(OperationalError):
                self._let_go(fault, held)
                now = time.monotonic() - since
                if fault.went_on_s is None and not held:
                    fault.went_on_s = now
                if fault.home_s is None and self._stored() > stored:
                    fault.home_s = now
            return fault.went_on_s is not None and fault.home_s is not None

        with suppress(AssertionError):  # the test says what is missing
            eventually(gone_on)

    def _let_go(self, fault: Fault, held: Held) -> None:
        """Take out of `held` what moved on, and what is extended: whoever holds that is alive."""
        now, current = datetime.now(UTC), self._held()
        for claim, until in list(held.items()):
            if claim in current and current[claim] == until:
                continue
            fault.taken += claim not in current and now > until
            del held[claim]

    def _write_down(self, fault: Fault, since: float) -> None:
        time.sleep(AFTERWARDS_S)
        now = time.monotonic()

        def longest(waits: list[Wait]) -> float:
            ends = [(one.begun, one.answered or now) for one in list(waits) if one.begun < now]
            return max((end - begun for begun, end in ends if end > since), default=0.0)

        fault.start_s, fault.page_s = longest(self._load.asked), longest(self._load.visits)
        self.seen.append(fault)
        print(fault.row(), flush=True)

    def _wait_for_work(self) -> int:
        """Returns how many videos are stored when enough is in hand."""

        def enough() -> bool:
            with suppress(OperationalError):
                return len(self._held()) >= IN_HAND
            return False

        eventually(enough)
        return self._stored()

    # -- what the database says ----------------------------------------------------------------------

    def _held(self) -> Held:
        """Every claim on what wants a look. Previews come last by intent: nobody waits for them."""
        found = self.cluster.any_host.rows(
            "SELECT id, claimed_by, claimed_until FROM job "
            "WHERE claimed_by IS NOT NULL AND due_at <= now() AND state <> 'stored'"
        )
        return {
            (row["id"], row["claimed_by"]): datetime.fromisoformat(row["claimed_until"]).replace(tzinfo=UTC)
            for row in found
        }

    def _stored(self) -> int:
        (row,) = self.cluster.any_host.rows("SELECT count(*) AS n FROM job WHERE state = 'stored'")
        return int(row["n"])
