"""Trouble for one host at a time, and how long it takes until work goes on without it."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg

from tests.e2e.studio import GOES_ON_S, LEASE_S, eventually
from tests.hosts.load import Load
from tests.hosts.town import HOSTS, Town

#: Trouble begins when so many takes are in somebody's hands.
IN_HAND = 3
#: How long a host is in trouble at least, in seconds: past every lease that it held.
LASTS_S = LEASE_S + 1.0
#: How long the database is away, in seconds: longer than the lease.
AWAY_S = 4.0
#: How long a host that is back has for writing what it should not.
AFTERWARDS_S = 1.0
#: What was on its way to the database when trouble began has arrived after this, in seconds.
SETTLED_S = 0.2


#: (take, whose claim) -> when the claim ends, unless it is extended.
Held = dict[tuple[str, str], datetime]


@dataclass
class Trouble:
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


class Troubles:
    """Makes trouble in a town under load, and writes down how it went."""

    def __init__(self, town: Town, load: Load) -> None:
        self.town, self._load = town, load
        self._line: psycopg.Connection[tuple[object, ...]] | None = None
        self.seen: list[Trouble] = []

    def kill(self, host: str) -> None:
        """All of its processes die at once; they are started again when others have gone on."""
        town = self.town
        self._make(Trouble(host, "killed"), lambda: town.kill(host), lambda: town.start(host))
        town.ready(host)

    def freeze(self, host: str) -> None:
        """All of its processes stand still until others have taken over; then they go on, knowing nothing."""
        town = self.town
        self._make(Trouble(host, "frozen"), lambda: town.freeze(host), lambda: town.thaw(host))

    def cut(self, host: str) -> None:
        """Its cable is pulled until others have taken over."""
        network = self.town.network
        self._make(Trouble(host, "cut off"), lambda: network.cut(host), lambda: network.mend(host))

    def kill_database(self, how: Callable[[], None]) -> None:
        """The server dies, as if its power had failed, and comes back."""
        self._make_away(Trouble("database", "killed"), how, self.town.start_database)

    def cut_database(self) -> None:
        network = self.town.network
        self._make_away(
            Trouble("database", "cut off"),
            lambda: network.cut("database"),
            lambda: network.mend("database"),
        )

    def cut_bucket(self) -> None:
        """Nothing can be stored meanwhile."""
        network = self.town.network
        self._make_away(
            Trouble("bucket", "cut off"), lambda: network.cut("bucket"), lambda: network.mend("bucket")
        )

    # -- one trouble -------------------------------------------------------------------------------

    def _make(self, trouble: Trouble, begin: Callable[[], None], end: Callable[[], None]) -> None:
        """Others go on while it lasts; seconds count from its beginning."""
        stored = self._wait_for_work()
        began = time.monotonic()
        begin()
        time.sleep(SETTLED_S)
        try:
            self._see(trouble, self._held(), stored, began)
            time.sleep(max(0.0, began + LASTS_S - time.monotonic()))
        finally:
            end()
        self._write_down(trouble, began)

    def _make_away(self, trouble: Trouble, begin: Callable[[], None], end: Callable[[], None]) -> None:
        """Nobody can go on while it lasts; seconds count from its end."""
        stored = self._wait_for_work()
        held, asked = self._held(), time.monotonic()
        begin()
        time.sleep(AWAY_S)
        end()
        self._see(trouble, held, stored, time.monotonic())
        self._write_down(trouble, asked)

    def _see(self, trouble: Trouble, held: Held, stored: int, since: float) -> None:
        """Wait until all that the dead held is in other hands or done, and one more video is home."""

        def gone_on() -> bool:
            with suppress(psycopg.OperationalError):
                self._let_go(trouble, held)
                now = time.monotonic() - since
                if trouble.went_on_s is None and not held:
                    trouble.went_on_s = now
                if trouble.home_s is None and self._stored() > stored:
                    trouble.home_s = now
            return trouble.went_on_s is not None and trouble.home_s is not None

        with suppress(AssertionError):  # the test says what is missing
            eventually(gone_on, within_s=GOES_ON_S * 2, every_s=0.1)

    def _let_go(self, trouble: Trouble, held: Held) -> None:
        """Take out of `held` what moved on, and what is extended: whoever holds that is alive."""
        now, current = datetime.now(UTC), self._held()
        for claim, until in list(held.items()):
            if claim in current and current[claim] == until:
                continue
            trouble.taken += claim not in current and now > until
            del held[claim]

    def _write_down(self, trouble: Trouble, since: float) -> None:
        time.sleep(AFTERWARDS_S)
        now = time.monotonic()
        asked = [
            one for one in list(self._load.asked) if one.begun < now and (one.acknowledged or now) > since
        ]
        visits = [one for one in list(self._load.visits) if (one.answered or now) > since]
        trouble.start_s = max(((one.acknowledged or now) - one.begun for one in asked), default=0.0)
        trouble.page_s = max(((one.answered or now) - one.begun for one in visits), default=0.0)
        self.seen.append(trouble)
        print(trouble.row(), flush=True)

    def _wait_for_work(self) -> int:
        """Returns how many videos are stored when enough is in hand."""

        def enough() -> bool:
            with suppress(psycopg.OperationalError):
                return len(self._held()) >= IN_HAND
            return False

        eventually(enough, within_s=40, every_s=0.05)
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
                url = self.town.any_host.database_url.replace("+psycopg", "")
                self._line = psycopg.connect(url, autocommit=True, connect_timeout=2)
            return self._line.execute(sql).fetchall()
        except psycopg.OperationalError:
            self.close()
            raise

    def close(self) -> None:
        if self._line is not None:
            self._line.close()
            self._line = None


def all_of_them(troubles: Troubles, kill_database: Callable[[], None]) -> None:
    """Each host in each way; then what all of them need."""
    for make in (troubles.kill, troubles.freeze, troubles.cut):
        for host in HOSTS:
            make(host)
    troubles.kill_database(kill_database)
    troubles.cut_database()
    troubles.cut_bucket()


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f} s"
