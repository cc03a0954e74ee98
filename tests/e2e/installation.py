"""The whole program as its processes: started, stopped, killed, asked over HTTP, read from its files.

Nothing of the program runs in the process of the tests but what makes a token; everything else is
seen as a client, a provider or an operator sees it.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import requests
from sqlalchemy import Engine, NullPool, create_engine, text

from backend.bootstrap import open_deps
from backend.domain.place import sqlite_url
from backend.services.access import Role
from backend.services.deps import Deps
from backend.settings import load_settings
from tests import databases
from tests.e2e import launcher
from tests.ports import reserved_port
from tests.services.api_document import must_fit
from tests.viewers import make_token
from tests.waiting import PATIENCE_S, eventually, in_time
from tests.world import MODEL

ROOT = Path(__file__).resolve().parents[2]
#: Secrets of every studio here; no log may show one.
FAL_KEY = "drill-id:drill-secret-that-no-log-may-show"
SECRET_KEY = "drill-signing-key-that-no-log-may-show"
#: The shortest lease there is: what a killed worker held goes on soonest.
LEASE_S = 3.0
#: What the contract promises besides the lease.
GOES_ON_S = LEASE_S + 5.0
#: The contract: on SIGTERM work in hand is finished or handed back within this.
LEAVES_S = 8.0
#: What ends a process by its own fault.
CRASHES = {-signal.SIGSEGV, -signal.SIGBUS, -signal.SIGABRT, -signal.SIGILL, -signal.SIGFPE}


class Process:
    """One process of the program, its log beside it."""

    def __init__(
        self,
        name: str,
        command: list[str],
        env: dict[str, str],
        folder: Path,
        cwd: Path,
        network: Path | None,
    ) -> None:
        self.name, self.crash_is_meant = name, False
        self.log = folder / f"{name}-{time.time_ns()}.log"
        self.popen = launcher.start(command, env, cwd, out=self.log, err=self.log, network=network)

    @property
    def alive(self) -> bool:
        return self.popen.poll() is None

    def send(self, number: signal.Signals) -> None:
        self.popen.send_signal(number)

    def wait(self, within_s: float = PATIENCE_S) -> int:
        """Its exit code (negative: the signal that ended it)."""
        return int(self.popen.wait(within_s))

    def stop(self) -> int:
        """SIGTERM; its exit code, which comes in time."""
        begun = time.monotonic()
        self.send(signal.SIGTERM)
        code = self.wait()
        assert in_time(time.monotonic() - begun, LEAVES_S), self.said()[-2000:]
        return code

    def kill(self) -> None:
        if self.alive:
            self.popen.kill()
        self.popen.wait(10)

    def crash(self) -> None:
        """End it as a fault of a library does; its log says where each of its threads was."""
        self.send(signal.SIGSEGV)
        self.wait()
        assert re.search(r"Segmentation fault[\s\S]+most recent call first", self.said()), self.said()[-2000:]
        self.crash_is_meant = True

    @property
    def crashed(self) -> bool:
        """Did a fault of a library end it, which no test asked for?"""
        return self.popen.poll() in CRASHES and not self.crash_is_meant

    def said(self) -> str:
        return self.log.read_text(errors="replace")


class Installation:
    """One installation: a data folder, a database of the kind that is tested now, ports, processes.

    before: what starts its processes, as `setpriv` does. network: of a host of its own, as a file.
    """

    before: tuple[str, ...] = ()
    network: Path | None = None

    def __init__(self, folder: Path, fal_url: str, **settings: Any) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.data = folder / "data"
        self._ends = ExitStack()
        self.port, self.dashboard_port = (
            settings.get(name) or self._ends.enter_context(reserved_port())
            for name in ("PORT", "DASHBOARD_PORT")
        )
        self.settings = {
            "DATA_DIR": self.data,
            "HOST": "127.0.0.1",
            "PORT": self.port,
            "DASHBOARD_PORT": self.dashboard_port,
            "PUBLIC_URL": f"http://127.0.0.1:{self.port}",
            "SECRET_KEY": SECRET_KEY,
            "FAL_KEY": FAL_KEY,
            **dict.fromkeys(("FAL_QUEUE_URL", "FAL_REST_URL", "FAL_API_URL"), fal_url),
            "FETCH_ALLOW": fal_url.removeprefix("http://"),
            "SWEEP_INTERVAL_S": 1,
            "LEASE_S": LEASE_S,
            "FIRST_POLL_S": 30,
        } | settings
        if "DATABASE_URL" not in settings:
            self.settings["DATABASE_URL"] = self._ends.enter_context(databases.fresh_url())
        self.address = str(self.settings["HOST"])
        self.processes: list[Process] = []
        self._token = ""
        self._readers: dict[str, Engine] = {}

    @property
    def media(self) -> Path:
        """The folder of its whole files."""
        url = self.settings.get("STORAGE_URL")
        return Path(str(url).removeprefix("file://")) if url else self.data / "media"

    def file(self, key: str) -> bytes | None:
        """A whole file, past the program; None: there is none."""
        path = self.media / key
        return path.read_bytes() if path.is_file() else None

    def file_names(self) -> list[str]:
        """The keys of all videos on storage."""
        return [path.name for path in self.media.glob("*") if path.is_file()]

    @property
    def env(self) -> dict[str, str]:
        """The environment of its processes: its settings, and nothing of the shell's that could matter."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TZ") if name in os.environ}
        return {**kept, **_texts(self.settings), "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}

    def run(self, name: str, *command: str | Path, cwd: Path | None = None, **env: Any) -> Process:
        """Start a process of Python's. env: more settings."""
        words = [*self.before, sys.executable, *map(str, command)]
        process = Process(name, words, self.env | _texts(env), self.folder, cwd or self.folder, self.network)
        self.processes.append(process)
        return process

    def cli(self, *words: str, **env: Any) -> "subprocess.CompletedProcess[str]":
        """Run `python -m backend WORDS` to its end."""
        command = [sys.executable, "-m", "backend", *words]
        out, err = (self.folder / f"{words[0]}-{time.time_ns()}.{name}" for name in ("out", "err"))
        code = launcher.start(command, self.env | _texts(env), self.folder, out=out, err=err).wait(PATIENCE_S)
        return subprocess.CompletedProcess(command, code, out.read_text(), err.read_text())

    def _put_database(self) -> None:
        """A start that is not about the first one of all finds a database there."""
        if not self.settings["DATABASE_URL"] and not (path := self.data / "dailies.db").exists():
            databases.put_migrated_file(path)

    def sidecar(self, *command: str | Path, **env: Any) -> Process:
        """Start the sidecar and wait until it answers. command: another launcher."""
        self._put_database()
        process = self.run("sidecar", *(command or (ROOT / "webhook_server.py",)), **env)
        port = env.get("PORT", self.port)
        eventually(lambda: answers(f"http://{self.address}:{port}/healthz"), process=process)
        return process

    def worker(self, *command: str | Path, **env: Any) -> Process:
        self._put_database()
        return self.run("worker", *(command or ("-m", "backend", "worker")), **env)

    def up(self) -> Process:
        """Start a sidecar and a worker; returns the worker."""
        self.sidecar()
        return self.worker()

    def at_work(self, *command: str | Path, **env: Any) -> Process:
        """Start a worker and wait until it is at work."""
        worker = self.worker(*command, **env)
        eventually(lambda: "worker started" in worker.said(), process=worker)
        return worker

    def dashboard(self, **env: Any) -> Process:
        """Start the dashboard and wait until it answers."""
        process, port = self.start_dashboard(**env), self.dashboard_port
        eventually(lambda: answers(f"http://{self.address}:{port}/_stcore/health"), process=process)
        return process

    def start_dashboard(self, **env: Any) -> Process:
        place = (f"--server.address={self.address}", f"--server.port={self.dashboard_port}")
        return self.run("dashboard", "-m", "streamlit", "run", ROOT / "app.py", *place, cwd=ROOT, **env)

    def close_processes(self) -> None:
        for process in self.processes:
            process.kill()
        fallen = [process for process in self.processes if process.crashed]
        assert not fallen, "\n".join(f"{one.name} crashed\n{one.said()[-8000:]}" for one in fallen)

    def close(self) -> None:
        """Afterwards none of its processes is left, and no database on a server; and none has crashed."""
        with self._ends:
            self.close_processes()

    @contextmanager
    def deps(self) -> Iterator[Deps]:
        """The program in this process, with these settings."""
        given = {name.lower(): value for name, value in self.settings.items() if value is not None}
        made = open_deps(load_settings(**given))
        with closing(made.store):
            yield made

    # -- as a client sees it ------------------------------------------------------------------

    def token(self, name: str = "drill", role: Role = Role.ADMIN) -> str:
        """A new API token."""
        with self.deps() as deps:
            return make_token(deps, name, role)

    def sign_in(self) -> None:
        """Make the database and the token that `call` uses."""
        self._put_database()
        self._token = self._token or self.token()

    def call(self, method: str, path: str, *, port: int | None = None, **options: Any) -> requests.Response:
        """One call of the HTTP API, with a token; its answer is what the document says."""
        self.sign_in()
        headers = {"Authorization": f"Bearer {self._token}", **options.pop("headers", {})}
        url = f"http://{self.address}:{port or self.port}{path}"
        answer = http_call(method, url, headers=headers, **options)
        asked, kind = unquote(urlsplit(url).path), answer.headers.get("Content-Type")
        must_fit(method, asked, answer.status_code, kind, answer.content)
        return answer

    def ask(self, prompt: str, *, key: str | None = None, port: int | None = None, **more: Any) -> str:
        """Start a take; returns its id."""
        body, headers = (
            {"model": MODEL, "prompt": prompt, **more},
            {"Idempotency-Key": key or uuid.uuid4().hex},
        )
        answer = self.call("POST", "/api/video/start", port=port, json=body, headers=headers)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    def take(self, job_id: str) -> dict[str, Any]:
        """A take as the API tells of it."""
        answer = self.call("GET", f"/api/video/status/{job_id}")
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    def until(self, job_id: str, *states: str) -> dict[str, Any]:
        """Wait until the take is in one of these states, and then ask the sidecar."""

        def told() -> Any:
            (row,) = self.rows("SELECT state FROM job WHERE id = ?", job_id)
            return row["state"] in states and (now := self.take(job_id))["state"] in states and now

        try:
            got: dict[str, Any] = eventually(told)
        except AssertionError:
            raise AssertionError(f"{self.take(job_id)}, {self.history(job_id)}\n{self.logs()}") from None
        return got

    def until_previewed(self, job_id: str) -> None:
        """Wait until a stored take has its preview, and may be asked for it."""
        drawn = "SELECT 1 FROM video JOIN job ON video_id = video.id WHERE job.id = ? AND preview_key <> ''"
        eventually(lambda: self.rows(drawn, job_id))
        assert self.take(job_id)["video"]["preview_url"]

    def until_swept(self, times: int = 1) -> None:
        """Wait until so many sweeps have come to an end."""
        seen: set[Any] = set()

        def swept() -> bool:
            seen.update(row["at"] for row in self.rows("SELECT at FROM fact WHERE name = 'sweep'"))
            return len(seen) > times

        eventually(swept)

    # -- as its database and files tell -------------------------------------------------------

    @property
    def database_url(self) -> str:
        """Where its rows are."""
        return str(self.settings["DATABASE_URL"] or sqlite_url(self.data / "dailies.db"))

    def rows(self, sql: str, *values: Any) -> list[dict[str, Any]]:
        """Read its database, past the program. sql: with a ? for each value.

        Moments and JSON are text, as a file holds them, whatever the database.
        """
        *parts, last = sql.split("?")
        named = "".join(f"{part}:v{number}" for number, part in enumerate(parts)) + last
        with self._reader(self.database_url).connect() as line:
            found = line.execute(text(named), {f"v{number}": value for number, value in enumerate(values)})
            return [{name: _plain(value) for name, value in row.items()} for row in found.mappings()]

    def _reader(self, url: str) -> Engine:
        """Kept, as is one connection to a server: most looks are one of many at what hasn't happened yet.

        A file is opened each time: by then it may be another one.
        """
        if url not in self._readers:
            ways: dict[str, Any] = {"poolclass": NullPool}
            if not url.startswith("sqlite"):
                ways = {"pool_size": 1, "pool_pre_ping": True, "isolation_level": "AUTOCOMMIT"}
                ways["connect_args"] = {"prepare_threshold": None}  # what is prepared outlives no migration
            self._readers[url] = create_engine(url, **ways)
            self._ends.callback(self._readers[url].dispose)
        return self._readers[url]

    def history(self, job_id: str) -> list[str]:
        """The states that a take went through."""
        sql = "SELECT state FROM history WHERE job_id = ? ORDER BY id"
        return [row["state"] for row in self.rows(sql, job_id)]

    def holder(self, job_id: str) -> str | None:
        """The owner token of the claim on a take, if it has one."""
        (row,) = self.rows("SELECT claimed_by FROM job WHERE id = ?", job_id)
        return str(row["claimed_by"]) if row["claimed_by"] else None

    def parts(self) -> list[Path]:
        """What is on its way, or was left there."""
        return sorted(path for path in (self.data / "parts").rglob("*") if path.is_file())

    def logs(self, last: int = 1500) -> str:
        """The ends of all logs."""
        return "\n".join(f"--- {process.log.name}\n{process.said()[-last:]}" for process in self.processes)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None).isoformat(" ")
    return json.dumps(value) if isinstance(value, dict | list) else value


def _texts(settings: dict[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in settings.items() if value is not None}


def http_call(method: str, url: str, **options: Any) -> requests.Response:
    """One call over a connection of its own, past every proxy that the shell may name."""
    with requests.Session() as session:
        session.trust_env = False
        return session.request(method, url, **{"timeout": 20, **options})


def answers(url: str) -> bool:
    """Does something answer 200 there?"""
    with suppress(requests.RequestException):
        return http_call("GET", url, timeout=5).status_code == 200
    return False
