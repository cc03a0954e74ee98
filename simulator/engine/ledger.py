"""What the simulator knows, in one SQLite file: it survives a restart, and tests count in it.

Four kinds of records: every POST that came in, every request that was accepted, every webhook that is
owed, every download. Records are written whole; a killed simulator goes on where the file stands.
"""

import json
import sqlite3
import threading
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

JSON = dict[str, Any]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS post (id INTEGER PRIMARY KEY, data TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS request (id TEXT PRIMARY KEY, endpoint TEXT NOT NULL, active INTEGER NOT NULL,
                                    data TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS request_active ON request (active) WHERE active = 1;
CREATE INDEX IF NOT EXISTS request_endpoint ON request (endpoint);
CREATE TABLE IF NOT EXISTS delivery (id INTEGER PRIMARY KEY, request_id TEXT NOT NULL, done INTEGER NOT NULL,
                                     data TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS delivery_owed ON delivery (done) WHERE done = 0;
CREATE INDEX IF NOT EXISTS delivery_request ON delivery (request_id);
CREATE TABLE IF NOT EXISTS download (id INTEGER PRIMARY KEY, request_id TEXT, fault TEXT, data TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS download_request ON download (request_id);
CREATE TABLE IF NOT EXISTS rule (id INTEGER PRIMARY KEY, data TEXT NOT NULL);
"""


@dataclass
class Post:
    """One POST to a queue URL, accepted or not. `answer` is the status code, or what was done instead."""

    at: float
    endpoint: str
    input: Any
    webhook: str | None
    headers: dict[str, str]
    accepted: bool = False
    request_id: str | None = None
    answer: str = ""
    id: int = 0


@dataclass
class Request:
    """One accepted request. Moments are seconds since 1970; `status` is one of fal's three words."""

    request_id: str
    endpoint: str
    input: JSON
    webhook: str | None
    faults: dict[str, str]
    seed: int
    sent_at: float
    queue_s: float
    run_s: float
    start_at: float
    status: str = "IN_QUEUE"
    started_at: float | None = None
    ended_at: float | None = None
    cancelled_at: float | None = None
    requeued: bool = False
    code: int = 200
    output: Any = None
    error: str | None = None
    error_type: str | None = None
    units: float | None = None
    billed: bool = False


@dataclass
class Delivery:
    """One webhook owed. Those of one request go out by `seq`; equal ones at once."""

    request_id: str
    url: str
    kind: str
    seq: int
    next_at: float
    tries: int | None  #: how often at the most; None: until the result expires
    give_up_at: float
    attempts: list[JSON] = field(default_factory=list)
    done: bool = False
    id: int = 0


@dataclass
class Rule:
    """Faults asked for from outside, for the next `times` POSTs that match (None: all)."""

    match: str | None
    faults: dict[str, str]
    times: int | None
    id: int = 0


class Ledger:
    """The records; one connection behind one lock, so any thread may call."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.executescript(f"PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;{_SCHEMA}")

    def close(self) -> None:
        """Afterwards the file is whole and nobody holds it."""
        with self._lock:
            self._db.close()

    def save_post(self, post: Post) -> Post:
        """Write a POST down; a new one gets its number."""
        with self._lock:
            post.id = post.id or self._next("post")
            self._run("INSERT OR REPLACE INTO post VALUES (?, ?)", post.id, _text(post))
        return post

    def save_request(self, request: Request, post: Post | None = None) -> None:
        """Write a request down, and with it, in the same transaction, the POST that brought it."""
        with self._lock, self._db:
            self._run("BEGIN")
            active = request.status != "COMPLETED"
            self._run(
                "INSERT OR REPLACE INTO request VALUES (?, ?, ?, ?)",
                request.request_id, request.endpoint, active, _text(request),
            )  # fmt: skip
            if post is not None:
                self._run("INSERT OR REPLACE INTO post VALUES (?, ?)", post.id, _text(post))

    def complete(self, request: Request, deliveries: list[Delivery]) -> None:
        """A request is over, and these webhooks are owed: both or neither."""
        with self._lock, self._db:
            self._run("BEGIN")
            self._run(
                "UPDATE request SET active = 0, data = ? WHERE id = ?", _text(request), request.request_id
            )
            for delivery in deliveries:
                self.save_delivery(delivery)

    def save_delivery(self, delivery: Delivery) -> None:
        """Write a delivery down; a new one gets its number."""
        with self._lock:
            delivery.id = delivery.id or self._next("delivery")
            self._run(
                "INSERT OR REPLACE INTO delivery VALUES (?, ?, ?, ?)",
                delivery.id, delivery.request_id, delivery.done, _text(delivery),
            )  # fmt: skip

    def save_download(self, request_id: str | None, fault: str, data: JSON) -> None:
        """Write down that a media file was asked for, and which fault was shown."""
        self._run(
            "INSERT INTO download (request_id, fault, data) VALUES (?, ?, ?)",
            request_id, fault, json.dumps(data),
        )  # fmt: skip

    def save_rule(self, rule: Rule) -> None:
        """Write a rule down; a new one gets its number."""
        with self._lock:
            rule.id = rule.id or self._next("rule")
            self._run("INSERT OR REPLACE INTO rule VALUES (?, ?)", rule.id, _text(rule))

    def clear_rules(self) -> None:
        """Afterwards there are no rules."""
        self._run("DELETE FROM rule")

    def request(self, request_id: str) -> Request | None:
        """The request of this id, or None."""
        rows = self._run("SELECT data FROM request WHERE id = ?", request_id)
        return Request(**json.loads(rows[0][0])) if rows else None

    def requests(self, endpoint: str | None = None) -> list[Request]:
        """All requests, or those of one endpoint, oldest first."""
        rows = self._run(
            "SELECT data FROM request WHERE ?1 IS NULL OR endpoint = ?1 ORDER BY rowid", endpoint
        )
        return [Request(**json.loads(row[0])) for row in rows]

    def active(self) -> list[Request]:
        """Requests that are not over."""
        rows = self._run("SELECT data FROM request WHERE active = 1 ORDER BY rowid")
        return [Request(**json.loads(row[0])) for row in rows]

    def last_request(self) -> Request | None:
        """The newest request, or None."""
        rows = self._run("SELECT data FROM request ORDER BY rowid DESC LIMIT 1")
        return Request(**json.loads(rows[0][0])) if rows else None

    def posts(self) -> list[Post]:
        """All POSTs, oldest first."""
        return [Post(**json.loads(row[0])) for row in self._run("SELECT data FROM post ORDER BY id")]

    def deliveries(self, request_id: str | None = None) -> list[Delivery]:
        """All deliveries, or those of one request, in the order in which they were owed."""
        rows = self._run(
            "SELECT data FROM delivery WHERE ?1 IS NULL OR request_id = ?1 ORDER BY id", request_id
        )
        return [Delivery(**json.loads(row[0])) for row in rows]

    def owed(self) -> list[Delivery]:
        """Deliveries that are not done."""
        rows = self._run("SELECT data FROM delivery WHERE done = 0 ORDER BY id")
        return [Delivery(**json.loads(row[0])) for row in rows]

    def downloads(self, request_id: str | None = None) -> list[JSON]:
        """All downloads, or those of one request's video, oldest first."""
        rows = self._run(
            "SELECT data FROM download WHERE ?1 IS NULL OR request_id = ?1 ORDER BY id", request_id
        )
        return [json.loads(row[0]) for row in rows]

    def shown(self, request_id: str, fault: str) -> int:
        """How often this fault was shown to those who downloaded this request's video."""
        return int(
            self._run("SELECT count(*) FROM download WHERE request_id = ? AND fault = ?", request_id, fault)[
                0
            ][0]
        )

    def rules(self) -> list[Rule]:
        """All rules, oldest first."""
        return [Rule(**json.loads(row[0])) for row in self._run("SELECT data FROM rule ORDER BY id")]

    def spend(self, rule: Rule) -> bool:
        """Use a rule once; False when it has been used up by somebody else meanwhile."""
        with self._lock:
            rows = self._run("SELECT data FROM rule WHERE id = ?", rule.id)
            if not rows:
                return False
            now = Rule(**json.loads(rows[0][0]))
            if now.times is not None:
                now.times -= 1
            if now.times == 0:
                self._run("DELETE FROM rule WHERE id = ?", rule.id)
            else:
                self.save_rule(now)
            return True

    def _next(self, table: str) -> int:
        # table is one of three words above, never input
        return int(self._run(f"SELECT coalesce(max(id), 0) + 1 FROM {table}")[0][0])  # noqa: S608

    def _run(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._db.execute(sql, values).fetchall()


def _text(record: Any) -> str:
    return json.dumps(asdict(record))
