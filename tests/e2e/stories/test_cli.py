"""The command line, as an operator has it: what it prints, what it returns, what it says when it can't."""

import os
import re
import signal
import socket
import stat
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from simulator.app import Simulator
from tests.e2e.checker import broken_promises
from tests.e2e.installation import ROOT, Installation, Process, answers
from tests.ports import reserve_port
from tests.waiting import eventually

#: What a message to a person never holds.
TRACE = "Traceback (most recent call last)"


@pytest.fixture
def installation(make_installation: Callable[..., Installation]) -> Installation:
    return make_installation()


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A port that somebody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        yield sock.getsockname()[1]


def test_four_processes_migrate_a_fresh_database_at_once(installation):
    processes: list[Process] = [
        installation.run(f"migrate-{n}", "-m", "backend", "migrate") for n in range(4)
    ]
    assert [process.wait(60) for process in processes] == [0, 0, 0, 0]
    assert len({process.said() for process in processes}) == 1
    assert installation.rows("SELECT count(*) AS n FROM alembic_version")[0]["n"] == 1
    again = installation.cli("migrate")
    assert (again.returncode, again.stdout) == (0, processes[0].said())


def test_a_database_that_is_no_url_is_told_of_in_one_message(installation):
    for source, target in (
        ("dailies.db", "postgresql+psycopg://u:p@h/n"),
        ("sqlite:///x.db", "postgres://h/n"),
    ):
        done = installation.cli("move-database", source, target)
        assert (done.returncode, TRACE in done.stderr) == (1, False)
        assert "DATABASE_URL: must start with sqlite:///" in done.stderr


def test_the_secret_key_is_made_once_and_only_its_owner_may_read_it(make_installation):
    installation = make_installation(SECRET_KEY=None)
    processes = [installation.run(f"migrate-{n}", "-m", "backend", "migrate") for n in range(3)]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    kept = installation.data / "secret_key"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    secret = kept.read_text()
    assert len(secret) > 40
    installation.cli("migrate")
    assert kept.read_text() == secret


def test_a_new_token_stands_on_the_last_line_and_opens_what_its_role_may(installation):
    installation.sidecar()
    made = installation.cli("token", "create", "ana", "--role", "viewer")
    assert made.returncode == 0
    token = made.stdout.splitlines()[-1]
    assert re.fullmatch(r"dailies_\w+_[\w-]{40,}", token)
    auth = {"Authorization": f"Bearer {token}"}
    assert installation.call("GET", "/api/video/history", headers=auth).status_code == 200
    started = installation.call("POST", "/api/video/start", headers=auth, json={"model": "x", "prompt": "y"})
    assert started.status_code == 403
    twice = installation.cli("token", "create", "ana")
    assert (twice.returncode, TRACE in twice.stderr) == (1, False)
    assert "ana" in twice.stderr
    assert installation.cli("token", "revoke", "ana").returncode == 0
    assert installation.call("GET", "/api/video/history", headers=auth).status_code == 401


def test_one_sweep_without_any_worker_sends_what_is_due_and_says_what_it_did(installation):
    installation.sidecar()
    job = installation.ask("No worker anywhere")
    swept = installation.cli("sweep")
    assert swept.returncode == 0, swept.stderr
    assert swept.stdout.splitlines()[-1].startswith("Swept: looks 1")
    installation.until(job, "rendered")
    assert installation.cli("sweep").returncode == 0
    assert installation.take(job)["state"] == "stored"
    for what in ("its bill", "its preview"):
        assert installation.cli("sweep").returncode == 0, what
    assert installation.cli("sweep").stdout.splitlines()[-1] == "Swept: nothing to do"
    assert broken_promises(installation) == []


def test_verify_finds_the_altered_and_the_missing_file_and_the_worker_mends_them(installation):
    installation.sidecar()
    worker = installation.worker()
    jobs = [installation.ask(f"Take {number} to be damaged") for number in range(3)]
    files = []
    for job in jobs:
        told = installation.until(job, "stored")
        files.append(installation.data / "media" / f"{told['video']['sha256']}.mp4")
        eventually(lambda job=job: installation.take(job)["video"]["preview_url"])
    assert "3 whole, 0 missing or altered" in installation.cli("verify").stdout
    worker.stop()  # or its sweep would be first to find what is missing
    content = files[0].read_bytes()
    files[0].write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    files[1].unlink()
    verified = installation.cli("verify")
    assert verified.returncode == 0
    assert "Verified 3 files: 1 whole, 2 missing or altered." in verified.stdout
    assert f"{files[0].name} is altered" in verified.stdout
    assert f"{files[1].name} is missing" in verified.stdout
    installation.worker()
    eventually(lambda: files[0].exists() and files[1].exists())
    eventually(lambda: not installation.rows("SELECT 1 FROM video WHERE missing_at IS NOT NULL"))
    assert broken_promises(installation) == []
    assert "3 whole, 0 missing or altered" in installation.cli("verify").stdout


def test_the_doctor_finds_all_well_and_says_what_to_do_when_it_isnt(installation):
    installation.sidecar()
    well = installation.cli("doctor")
    assert (well.returncode, "BAD" in well.stdout) == (0, False), well.stdout
    assert f"{installation.folder.name}" in next(
        line for line in well.stdout.splitlines() if "storage" in line
    )
    nobody = f"http://127.0.0.1:{reserve_port()}"
    ill = installation.cli("doctor", FAL_QUEUE_URL=nobody, FAL_API_URL=nobody, PUBLIC_URL=nobody)
    assert ill.returncode == 1
    bad = [line for line in ill.stdout.splitlines() if line.startswith("BAD")]
    assert [line.split(":")[0] for line in bad] == ["BAD  provider", "BAD  public URL"]
    assert "put PUBLIC_URL right" in ill.stdout
    assert TRACE not in ill.stderr


def test_the_doctor_takes_no_stranger_for_fal_or_the_sidecar(installation):
    class Welcome(BaseHTTPRequestHandler):
        """A web server's first page: 200, whatever is asked."""

        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>It works!</html>")

        def log_message(self, *args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Welcome) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        stranger = f"http://127.0.0.1:{server.server_port}"
        ill = installation.cli("doctor", FAL_API_URL=stranger, PUBLIC_URL=stranger)
        server.shutdown()

    bad = [line for line in ill.stdout.splitlines() if line.startswith("BAD")]
    assert [line.split(":")[0] for line in bad] == ["BAD  provider", "BAD  public URL"]
    assert "and not whether it takes the key" in bad[0]
    assert "not as the sidecar does" in bad[1]


def test_restored_takes_no_empty_database_for_the_restored_one(installation, tmp_path):
    installation.cli("migrate")
    right = installation.cli("restored")
    assert right.stdout.startswith("0 takes are held in ")
    wrong = installation.cli("restored", DATABASE_URL=f"sqlite:///{tmp_path}/another.db")
    assert wrong.returncode == 1
    assert "nothing was held" in wrong.stderr
    assert "DATABASE_URL" in wrong.stderr
    assert TRACE not in wrong.stderr


def test_the_doctor_names_a_database_that_cant_be_opened(installation):
    (installation.folder / "no.db").mkdir()
    ill = installation.cli("doctor", DATABASE_URL=f"sqlite:///{installation.folder / 'no.db'}")
    assert ill.returncode == 1
    assert "BAD  database" in ill.stdout
    assert TRACE not in ill.stderr


@pytest.mark.parametrize(
    "command",
    [
        ("-m", "backend", "worker"),
        (ROOT / "webhook_server.py",),
        ("-m", "backend", "migrate"),
        ("-m", "backend", "simulator"),
        ("-m", "streamlit", "run", ROOT / "app.py"),
    ],
    ids=lambda command: Path(command[-1]).stem,
)
def test_malformed_settings_are_told_all_at_once_and_nothing_starts(installation, command):
    wrong = {"PORT": "8x", "LEASE_S": "1", "PUBLIC_URL": "ftp://here", "DATABASE_URL": "mysql://there"}
    started = installation.run("wrong", *command, cwd=ROOT, **wrong)
    assert started.wait(60) == 1
    said = started.said()
    assert TRACE not in said
    assert all(f"  {name}: " in said for name in wrong)
    assert said.count("These settings stop the start:") == 1


@pytest.mark.parametrize("words", ["worker", "migrate", "sweep", "doctor"])
def test_a_data_folder_that_cant_be_written_is_named(installation, words):
    place = installation.folder / "a-file"
    place.write_text("no folder")
    refused = installation.cli(words, DATA_DIR=place / "data")
    assert refused.returncode == 1
    assert "DATA_DIR" in refused.stderr
    assert TRACE not in refused.stderr


def test_a_port_in_use_is_named_and_nothing_of_the_sidecar_stays(installation, taken_port):
    started = installation.run("sidecar", ROOT / "webhook_server.py", PORT=taken_port)
    assert started.wait(30) == 1
    assert f"127.0.0.1:{taken_port}" in started.said()
    assert "PORT: stop what uses it" in started.said()
    assert TRACE not in started.said()


def test_the_simulator_says_where_it_is_and_leaves_when_told(installation, taken_port):
    port = reserve_port()
    started = installation.run("simulator", "-m", "backend", "simulator", SIMULATOR_PORT=port)
    eventually(lambda: answers(f"http://127.0.0.1:{port}/sim/ledger"), process=started)
    assert started.stop()[0] == 0
    refused = installation.run("simulator", "-m", "backend", "simulator", SIMULATOR_PORT=taken_port)
    assert refused.wait(30) == 1
    assert "SIMULATOR_PORT: stop what uses it" in refused.said()
    assert TRACE not in refused.said()


def test_everything_starts_with_one_command_and_stops_with_ctrl_c(fal: Simulator, tmp_path: Path):
    """`make run` after its set-up: demo mode, all four processes, none left afterwards."""
    names = ("FAL_KEY", "FAL_QUEUE_URL", "FAL_REST_URL", "FAL_API_URL", "FETCH_ALLOW")
    installation = Installation(tmp_path, fal.url, **dict.fromkeys(names), SIMULATOR_PORT=reserve_port())
    started = installation.run("up", "-m", "backend", "up")
    try:
        eventually(lambda: answers(f"http://127.0.0.1:{installation.port}/readyz"), process=started)
        dashboard = f"http://127.0.0.1:{installation.dashboard_port}"
        eventually(lambda: answers(f"{dashboard}/_stcore/health"), process=started)
        assert f"Dailies:  {dashboard}" in started.said()
        assert "Demo mode" in started.said()
        children = _children(started.popen.pid)
        assert len(children) >= 4
        started.send(signal.SIGINT)
        started.wait(20)
        eventually(lambda: not any(Path(f"/proc/{child}").exists() for child in children))
        assert TRACE not in started.said()
    finally:
        installation.close()


def _children(pid: int) -> set[int]:
    """All processes below this one."""
    found: set[int] = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            if parent == pid:
                found |= {int(entry.name)} | _children(int(entry.name))
    return found


def test_help_names_every_command(installation):
    told = installation.cli("--help")
    assert told.returncode == 0
    for name in ("worker", "simulator", "migrate", "sweep", "token", "doctor", "verify"):
        assert re.search(rf"\b{name}\b", told.stdout)
    assert os.environ.get("DATA_DIR")  # the shell's own is not what these processes had
    assert str(installation.data) not in told.stdout
