"""What the simulator knows, in one SQLite file: it survives a restart, and tests count in it.

Six kinds of records: every POST that came in, every request that was accepted, every webhook that is owed,
every download, every rule of faults, every output that was asked for. Records are written whole; a killed
simulator goes on where the file stands.
"""

import json
import sqlite3
import threading
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

JSON = dict[str, Any]
R = TypeVar("R", "Post", "Request", "Delivery", "Rule", "Output")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS post (id INTEGER PRIMARY KEY, data TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS request (id TEXT PRIMARY KEY, endpoint TEXT NOT NULL, active INTEGER NOT NULL,
                                    data TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS request_active ON request (active) WHERE active = 1;
CREATE INDEX IF NOT EXISTS request_endpoint ON request (endpoint);
CREATE TABLE IF NOT EXISTS delivery (id INTEGER PRIMARY KEY, request_id TEXT NOT NULL, done INTEGER NOT NULL,
                                     data TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS delivery_owed ON delivery (done) WHERE done = 0;
CREATE TABLE IF NOT EXISTS download (id INTEGER PRIMARY KEY, request_id TEXT, fault TEXT, data TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS download_request ON download (request_id);
CREATE TABLE IF NOT EXISTS rule (id INTEGER PRIMARY KEY, data TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS output (id INTEGER PRIMARY KEY, data TEXT NOT NULL);
"""
_TABLES = ("post", "request", "delivery", "download", "rule", "output")


class Ended(Exception):
    """The simulator was reset or closed; what is still at work for the time before ends here."""


@dataclass
class Post:
    """One POST to a queue URL, accepted or not. `answer` is the status code, or what was done instead."""

    at: float
    endpoint: str
    input: Any
    webhook: str | None
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
    unit_usd: float | None = None  #: what a unit was charged at
    charged_usd: float = 0.0  #: what it really cost, told by a header or not


@dataclass
class Delivery:
    """One webhook owed, and every try to send it."""

    request_id: str
    url: str
    next_at: float
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


@dataclass
class Output:
    """What requests give whose prompt holds `match`; the newest that fits. "{video}", "{files}": links."""

    match: str
    output: Any


class Ledger:
    """The records; one connection behind one lock, so any thread may call.

    Every method raises `Ended` once the ledger is closed or another has taken its file over.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self._lock = threading.RLock()
        self._db: sqlite3.Connection | None = db

    @classmethod
    def open(cls, path: Path) -> "Ledger":
        """The records in this file; none, where it is new."""
        db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        db.executescript(f"PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;{_SCHEMA}")
        return cls(db)

    def close(self) -> None:
        """Afterwards the file is whole and nobody holds it."""
        with self._lock:
            db, self._db = self._open(), None
            db.close()

    def empty_successor(self) -> "Ledger":
        """An empty ledger in the same file, in the place of this one, which has ended."""
        with self._lock:
            db = self._open()
            with db:
                db.execute("BEGIN")
                for table in _TABLES:
                    db.execute(f"DELETE FROM {table}")  # noqa: S608 - one of six words above
            self._db = None
        return Ledger(db)

    def save_post(self, post: Post) -> Post:
        """Write a POST down; a new one gets its number."""
        self._save("post", post)
        return post

    def save_answer(self, post: Post, answer: str) -> None:
        """Write down how a POST was answered, or what was done instead."""
        post.answer = answer
        self.save_post(post)

    def save_request(self, request: Request, post: Post | None = None) -> None:
        """Write a request down, and with it, in the same transaction, the POST that brought it."""
        with self._lock, self._open():
            self._run("BEGIN")
            active = request.status != "COMPLETED"
            self._run(
                "INSERT INTO request VALUES (?1, ?2, ?3, ?4)"
                " ON CONFLICT (id) DO UPDATE SET active = ?3, data = ?4",  # it keeps its place in the order
                request.request_id, request.endpoint, active, _text(request),
            )  # fmt: skip
            if post is not None:
                self.save_post(post)

    def complete_request(self, request: Request, deliveries: list[Delivery]) -> None:
        """A request is over, and these webhooks are owed: both or neither."""
        with self._lock, self._open():
            self._run("BEGIN")
            update = "UPDATE request SET active = 0, data = ? WHERE id = ?"
            self._run(update, _text(request), request.request_id)
            for delivery in deliveries:
                self.save_delivery(delivery)

    def save_delivery(self, delivery: Delivery) -> None:
        """Write a delivery down; a new one gets its number."""
        self._save("delivery", delivery, delivery.request_id, delivery.done)

    def save_download(self, request_id: str | None, fault: str, data: JSON) -> None:
        """Write down that a media file was asked for, and which fault was shown."""
        sql = "INSERT INTO download (request_id, fault, data) VALUES (?, ?, ?)"
        self._run(sql, request_id, fault, json.dumps(data))

    def save_rule(self, rule: Rule) -> None:
        """Write a rule down; a new one gets its number."""
        self._save("rule", rule)

    def save_output(self, output: Output) -> None:
        """Write down what requests with a text give."""
        self._run("INSERT INTO output (data) VALUES (?)", _text(output))

    def find_output(self, prompt: str) -> Output | None:
        """What a request with this prompt gives; None: as usual."""
        found = self._all(Output, "SELECT data FROM output ORDER BY id DESC")
        return next((one for one in found if one.match in prompt), None)

    def clear_rules(self) -> None:
        """Afterwards there are no rules."""
        self._run("DELETE FROM rule")

    def find_request(self, request_id: str) -> Request | None:
        """The request of this id, or None."""
        return next(iter(self._all(Request, "SELECT data FROM request WHERE id = ?", request_id)), None)

    def list_requests(self, endpoint: str | None = None) -> list[Request]:
        """All requests, or those of one endpoint, oldest first."""
        sql = "SELECT data FROM request WHERE ?1 IS NULL OR endpoint = ?1 ORDER BY rowid"
        return self._all(Request, sql, endpoint)

    def active_requests(self) -> list[Request]:
        """Requests that are not over."""
        return self._all(Request, "SELECT data FROM request WHERE active = 1 ORDER BY rowid")

    def last_request(self) -> Request | None:
        """The newest request, or None."""
        return next(iter(self._all(Request, "SELECT data FROM request ORDER BY rowid DESC LIMIT 1")), None)

    def list_posts(self) -> list[Post]:
        """All POSTs, oldest first."""
        return self._all(Post, "SELECT data FROM post ORDER BY id")

    def list_deliveries(self) -> list[Delivery]:
        """All deliveries, in the order in which they were owed."""
        return self._all(Delivery, "SELECT data FROM delivery ORDER BY id")

    def owed_deliveries(self) -> list[Delivery]:
        """Deliveries that are not done."""
        return self._all(Delivery, "SELECT data FROM delivery WHERE done = 0 ORDER BY id")

    def list_downloads(self) -> list[JSON]:
        """All downloads, oldest first."""
        return [json.loads(row[0]) for row in self._run("SELECT data FROM download ORDER BY id")]

    def count_downloads(self, request_id: str, fault: str) -> int:
        """How often this fault was shown to those who downloaded this request's video."""
        sql = "SELECT count(*) FROM download WHERE request_id = ? AND fault = ?"
        return int(self._run(sql, request_id, fault)[0][0])

    def list_rules(self) -> list[Rule]:
        """All rules, oldest first."""
        return self._all(Rule, "SELECT data FROM rule ORDER BY id")

    def spend_rule(self, rule: Rule) -> bool:
        """Use a rule once; False when it has been used up by somebody else meanwhile."""
        with self._lock:
            found = self._all(Rule, "SELECT data FROM rule WHERE id = ?", rule.id)
            if found and found[0].times == 1:
                self._run("DELETE FROM rule WHERE id = ?", rule.id)
            elif found and found[0].times is not None:
                found[0].times -= 1
                self.save_rule(found[0])
            return bool(found)

    def _open(self) -> sqlite3.Connection:
        if self._db is None:
            raise Ended
        return self._db

    def _save(self, table: str, record: Post | Delivery | Rule, *columns: Any) -> None:
        """Write a record down, whole; a new one gets its number. table: a word above, never input."""
        with self._lock:
            newest = f"SELECT coalesce(max(id), 0) FROM {table}"  # noqa: S608
            record.id = record.id or int(self._run(newest)[0][0]) + 1
            values = (record.id, *columns, _text(record))
            places = ", ".join("?" for _ in values)
            self._run(f"INSERT OR REPLACE INTO {table} VALUES ({places})", *values)  # noqa: S608

    def _all(self, kind: type[R], sql: str, *values: Any) -> list[R]:
        """Records of this kind; what an earlier program wrote besides is passed over."""
        names = {field.name for field in fields(kind)}
        rows = [json.loads(row[0]) for row in self._run(sql, *values)]
        return [kind(**{name: row[name] for name in row if name in names}) for row in rows]

    def _run(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._open().execute(sql, values).fetchall()


def _text(record: Any) -> str:
    return json.dumps(asdict(record))
