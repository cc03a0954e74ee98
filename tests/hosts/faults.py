"""Faults of one host at a time, and how long it takes until work goes on without it."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg

from tests.e2e.installation import LEASE_S
from tests.hosts.cluster import HOSTS, Cluster
from tests.hosts.load import Load
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
        went_on, home = (_seconds(value) for value in (self.went_on_s, self.home_s))
        return (
            f"| {self.who} | {self.what} | {self.taken} | {went_on} | {home} "
            f"| {self.start_s:.1f} s | {self.page_s:.1f} s |"
        )


class Faults:
    """Makes faults in a cluster under load, and writes down how it went."""

    def __init__(self, cluster: Cluster, load: Load) -> None:
        self.cluster, self._load = cluster, load
        self._line: psycopg.Connection[tuple[object, ...]] | None = None
        self.seen: list[Fault] = []

    def kill(self, host: str) -> None:
        """All of its processes die at once; they are started again when others have gone on."""
        cluster = self.cluster
        self._make(Fault(host, "killed"), lambda: cluster.kill(host), lambda: cluster.start(host))
        cluster.ready(host)

    def freeze(self, host: str) -> None:
        """All of its processes stand still until others have taken over; then they go on, knowing nothing."""
        cluster = self.cluster
        self._make(Fault(host, "frozen"), lambda: cluster.freeze(host), lambda: cluster.thaw(host))

    def cut(self, host: str) -> None:
        """Its cable is pulled until others have taken over."""
        network = self.cluster.network
        self._make(Fault(host, "cut off"), lambda: network.cut(host), lambda: network.mend(host))

    def kill_database(self, how: Callable[[], None]) -> None:
        """The server dies, as if its power had failed, and comes back."""
        self._make_away(Fault("database", "killed"), how, self.cluster.start_database)

    def cut_database(self) -> None:
        network = self.cluster.network
        self._make_away(
            Fault("database", "cut off"),
            lambda: network.cut("database"),
            lambda: network.mend("database"),
        )

    def cut_bucket(self) -> None:
        """Nothing can be stored meanwhile."""
        network = self.cluster.network
        self._make_away(
            Fault("bucket", "cut off"), lambda: network.cut("bucket"), lambda: network.mend("bucket")
        )

    # -- one fault -----------------------------------------------------------------------------------

    def _make(self, fault: Fault, begin: Callable[[], None], end: Callable[[], None]) -> None:
        """Others go on while it lasts; seconds count from its beginning."""
        stored = self._wait_for_work()
        began = time.monotonic()
        begin()
        time.sleep(SETTLED_S)
        try:
            self._see(fault, self._held(), stored, began)
            time.sleep(max(0.0, began + LASTS_S - time.monotonic()))
        finally:
            end()
        self._write_down(fault, began)

    def _make_away(self, fault: Fault, begin: Callable[[], None], end: Callable[[], None]) -> None:
        """Nobody can go on while it lasts; seconds count from its end."""
        stored = self._wait_for_work()
        held, asked = self._held(), time.monotonic()
        begin()
        time.sleep(AWAY_S)
        end()
        self._see(fault, held, stored, time.monotonic())
        self._write_down(fault, asked)

    def _see(self, fault: Fault, held: Held, stored: int, since: float) -> None:
        """Wait until all that the dead held is in other hands or done, and one more video is home."""

        def gone_on() -> bool:
            with suppress(psycopg.OperationalError):
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
        asked = [
            one for one in list(self._load.asked) if one.begun < now and (one.acknowledged or now) > since
        ]
        visits = [one for one in list(self._load.visits) if (one.answered or now) > since]
        fault.start_s = max(((one.acknowledged or now) - one.begun for one in asked), default=0.0)
        fault.page_s = max(((one.answered or now) - one.begun for one in visits), default=0.0)
        self.seen.append(fault)
        print(fault.row(), flush=True)

    def _wait_for_work(self) -> int:
        """Returns how many videos are stored when enough is in hand."""

        def enough() -> bool:
            with suppress(psycopg.OperationalError):
                return len(self._held()) >= IN_HAND
            return False

        eventually(enough)
        return self._stored()

    # -- what the database says ----------------------------------------------------------------------

    def _held(self) -> Held:
        """Every claim on what wants a look. Previews come last by intent: nobody waits for them."""
        found: Any = self._ask(
            "SELECT id, claimed_by, claimed_until FROM job "
            "WHERE claimed_by IS NOT NULL AND due_at <= now() AND state <> 'stored'"
        )
        return {(job, owner): until for job, owner, until in found}

    def _stored(self) -> int:
        return int(str(self._ask("SELECT count(*) FROM job WHERE state = 'stored'")[0][0]))

    def _ask(self, sql: str) -> list[tuple[object, ...]]:
        try:
            if self._line is None:
                url = self.cluster.any_host.database_url.replace("+psycopg", "")
                self._line = psycopg.connect(url, autocommit=True, connect_timeout=2)
            return self._line.execute(sql).fetchall()
        except psycopg.OperationalError:
            self.close()
            raise

    def close(self) -> None:
        if self._line is not None:
            self._line.close()
            self._line = None


def all_of_them(faults: Faults, kill_database: Callable[[], None]) -> None:
    """Each host in each way; then what all of them need."""
    for make in (faults.kill, faults.freeze, faults.cut):
        for host in HOSTS:
            make(host)
    faults.kill_database(kill_database)
    faults.cut_database()
    faults.cut_bucket()


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f} s"
