"""The command line, as an operator has it: what it prints, what it returns, what it says when it can't."""

import re
import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from backend.services.catalogue import refresh_schedule
from simulator.app import Simulator
from simulator.config import SimulatorConfig
from simulator.server import listening
from tests.e2e.checker import broken_promises
from tests.e2e.installation import ROOT, Installation, http_call
from tests.loopback import Peer, answer
from tests.ports import reserve_port
from tests.viewers import LOCAL_VIEWER
from tests.waiting import eventually
from tests.world import MODEL

#: What a message to a person never holds.
TRACE = "Traceback (most recent call last)"
BACKEND, SIDECAR = ("-m", "backend"), (ROOT / "webhook_server.py",)
DASHBOARD = ("-m", "streamlit", "run", ROOT / "app.py")


@pytest.fixture
def installation(make_installation: Callable[..., Installation]) -> Installation:
    return make_installation()


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A port that somebody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        yield sock.getsockname()[1]


def test_four_processes_make_a_fresh_database_at_once(make_installation):
    installation: Installation = make_installation(SECRET_KEY=None)
    processes = [installation.run(f"migrate-{n}", *BACKEND, "migrate") for n in range(4)]
    assert [process.wait() for process in processes] == [0, 0, 0, 0], installation.logs()
    assert len({process.said() for process in processes}) == 1
    assert installation.rows("SELECT count(*) AS n FROM alembic_version")[0]["n"] == 1
    assert installation.cli("migrate").stdout == processes[0].said()
    assert installation.cli("restored").stdout.startswith("0 takes are held in ")


def test_a_new_token_stands_on_the_last_line_and_is_good_until_it_is_revoked(installation):
    installation.sidecar()
    made = installation.cli("token", "create", "ana", "--role", "viewer")
    assert made.returncode == 0
    token = made.stdout.splitlines()[-1]
    assert re.fullmatch(r"dailies_\w+_[\w-]{40,}", token)
    auth = {"Authorization": f"Bearer {token}"}
    assert installation.call("GET", "/api/video/history", headers=auth).status_code == 200
    behind_proxies = {**auth, "X-Forwarded-For": "203.0.113.9, 2001:db8::7"}
    assert installation.call("POST", "/api/video/start", headers=behind_proxies).status_code == 403
    came_from = installation.rows("SELECT address FROM audit WHERE action = 'access.refused'")
    assert came_from == [{"address": "2001:db8::7"}], "as the nearest proxy says"
    line = f"{token.split('_')[1]}  ana  viewer; expires "
    assert [one for one in installation.cli("token", "list").stdout.splitlines() if one.startswith(line)]
    twice = installation.cli("token", "create", "ana")
    assert (twice.returncode, "ana" in twice.stderr, TRACE in twice.stderr) == (1, True, False)
    assert installation.cli("token", "revoke", "ana").returncode == 0
    assert installation.call("GET", "/api/video/history", headers=auth).status_code == 401
    assert "ana" not in installation.cli("token", "list").stdout


def test_sweeps_by_hand_bring_a_take_home_and_mend_what_verify_finds(installation):
    installation.sidecar()

    def run(command: str) -> str:
        done = installation.cli(command)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def until_nothing_is_due() -> None:
        eventually(lambda: run("sweep") == "Swept: nothing to do\n")

    jobs = [installation.ask(f"No worker anywhere {number}") for number in range(3)]
    assert run("sweep").startswith("Swept: looks 3")
    for job in jobs:
        installation.until(job, "rendered")
    until_nothing_is_due()
    files = [installation.media / f"{installation.take(job)['video']['sha256']}.mp4" for job in jobs]
    assert "3 whole, 0 missing or altered" in run("verify")

    content = files[0].read_bytes()
    files[0].write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    files[1].unlink()
    told = run("verify")
    assert "Verified 3 files: 1 whole, 2 missing or altered." in told
    assert f"{files[0].name} is altered" in told
    assert f"{files[1].name} is missing" in told
    until_nothing_is_due()
    assert "3 whole, 0 missing or altered" in run("verify")
    assert broken_promises(installation) == []


def test_the_doctor_finds_all_well_and_says_what_to_do_when_it_isnt(installation):
    installation.sidecar()
    well = installation.cli("doctor")
    assert (well.returncode, "BAD" in well.stdout) == (0, False), well.stdout
    (storage,) = [line for line in well.stdout.splitlines() if "storage" in line]
    assert installation.folder.name in storage

    def bad(fal_url: str, public_url: str) -> list[str]:
        ill = installation.cli("doctor", FAL_QUEUE_URL=fal_url, FAL_API_URL=fal_url, PUBLIC_URL=public_url)
        assert (ill.returncode, TRACE in ill.stderr) == (1, False)
        found = [line for line in ill.stdout.splitlines() if line.startswith("BAD")]
        assert [line.split(":")[0] for line in found] == ["BAD  provider", "BAD  public URL"]
        return ill.stdout

    nobody = f"http://127.0.0.1:{reserve_port()}"
    assert "put PUBLIC_URL right" in bad(nobody, nobody)
    with closing(Peer(answer(200, b"<html>It works!</html>"))) as stranger:
        told = bad(stranger.url, stranger.url)
    assert "and not whether it takes the key" in told
    assert "not as the sidecar does" in told


MOVE, NO_URL = (*BACKEND, "move-database"), "DATABASE_URL: must start with sqlite:///"
NO_FOLDER = {"DATA_DIR": "{file}/data"}
#: A command that can't be done -> (its words, what is wrong in its environment, what it says).
REFUSED = {
    "move from no URL": ((*MOVE, "dailies.db", "postgresql+psycopg://u:p@h/n"), {}, NO_URL),
    "move to no URL": ((*MOVE, "sqlite:///x.db", "mysql://h/n"), {}, NO_URL),
    "nothing restored": ((*BACKEND, "restored"), {"DATABASE_URL": "sqlite:///{file}.db"}, "nothing was held"),
    "no database": ((*BACKEND, "doctor"), {"DATABASE_URL": "sqlite:///{file}/no.db"}, "BAD  database"),
    "no folder: worker": ((*BACKEND, "worker"), NO_FOLDER, "DATA_DIR"),
    "no folder: doctor": ((*BACKEND, "doctor"), NO_FOLDER, "DATA_DIR"),
    "sidecar's port": (SIDECAR, {"PORT": "{taken}"}, "127.0.0.1:{taken}.*  PORT: stop what uses it"),
    "simulator's port": ((*BACKEND, "simulator"), {"SIMULATOR_PORT": "{taken}"}, "SIMULATOR_PORT: stop what"),
    "open dashboard": ((*DASHBOARD, "--server.address=0.0.0.0", "--server.port={port}"), {}, "OPEN_DASH"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_command_that_cant_be_done_says_why_in_one_message(installation, taken_port, case):
    words, wrong, message = REFUSED[case]
    file = installation.folder / "a-file"
    file.write_text("no folder")
    here = {"file": file, "taken": taken_port, "port": installation.dashboard_port}
    env = {name: value.format(**here) for name, value in wrong.items()}
    refused = installation.run("refused", *(str(word).format(**here) for word in words), cwd=ROOT, **env)
    assert refused.wait() == 1
    assert re.search(message.format(**here), refused.said(), re.DOTALL)
    assert TRACE not in refused.said()


@pytest.mark.parametrize("command", [(*BACKEND, "worker"), SIDECAR, (*BACKEND, "simulator"), DASHBOARD,
                                     (*BACKEND, "doctor")],
                         ids=lambda command: Path(command[-1]).stem)  # fmt: skip
def test_malformed_settings_are_told_all_at_once_and_nothing_starts(installation, command):
    wrong = {
        "PORT": "8x", "LEASE_S": "1", "PUBLIC_URL": "ftp://here", "DATABASE_URL": "mysql://there",
        "FAL_KEY": "id:\u200bpasted",
    }  # fmt: skip
    started = installation.run("wrong", *command, cwd=ROOT, **wrong)
    assert started.wait() == 1
    said = started.said()
    assert TRACE not in said
    assert all(f"  {name}: " in said for name in wrong)
    assert said.count("These settings stop the start:") == 1


def test_help_names_every_command(installation):
    told = installation.cli("--help")
    assert told.returncode == 0
    for name in ("worker", "simulator", "migrate", "sweep", "token", "doctor", "verify"):
        assert re.search(rf"\b{name}\b", told.stdout)


# -- `models refresh`, whole or not at all; and a worker that does it on a wish -------------------------


@pytest.fixture
def own_fal(tmp_path: Path) -> Iterator[Simulator]:
    """A fal whose catalogue a test may change: some models in pages."""
    config = SimulatorConfig(data_dir=tmp_path / "fal", pace=0.05, small=True, synthetic=70)
    with listening(config) as running:
        yield running


@pytest.fixture
def offering(make_installation: Callable[..., Installation], own_fal: Simulator) -> Installation:
    names = ("FAL_QUEUE_URL", "FAL_REST_URL", "FAL_API_URL")
    host = own_fal.url.removeprefix("http://")
    return make_installation(**dict.fromkeys(names, own_fal.url), FETCH_ALLOW=host)


def stored(offering: Installation) -> dict[str, str]:
    return {row["id"]: row["data"] for row in offering.rows("SELECT id, data FROM offer")}


def fault(fal: Simulator, **rule: object) -> None:
    assert http_call("POST", f"{fal.url}/sim/faults", json=rule).status_code == 201


def test_what_was_refreshed_is_offered_by_a_running_sidecar_and_a_failure_changes_nothing(offering, own_fal):
    offering.sidecar()
    del own_fal.offer.entries[MODEL]
    count = len(own_fal.offer.entries)

    done = offering.cli("models", "refresh")

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith(f"The catalogue has {count} endpoints")
    assert f"prices: 50 of {count}" in done.stderr
    before = stored(offering)
    assert set(before) == set(own_fal.offer.entries)
    (deed,) = offering.rows("SELECT actor_kind, via FROM audit WHERE action = 'models.refreshed'")
    assert dict(deed) == {"actor_kind": "cli", "via": "cli"}

    def offered() -> set[str]:
        items = offering.call("GET", "/api/models?provider=fal").json()["items"]
        return {item["id"] for item in items if item["usable"]}

    eventually(lambda: offered() == set(before))
    answer = offering.call("POST", "/api/video/start", json={"model": MODEL, "prompt": "A red dress"})
    assert (answer.status_code, "model" in answer.text) == (422, True)

    failed = offering.cli("models", "refresh", FAL_API_URL=f"http://127.0.0.1:{reserve_port()}")
    assert (failed.returncode, TRACE in failed.stderr) == (1, False)
    for told in ("/v1/models", "could not be asked (ConnectError)", "the old catalogue stays"):
        assert told in failed.stderr
    assert stored(offering) == before


@pytest.mark.drill
def test_a_worker_refreshes_on_a_wish_alone_and_leaves_in_the_middle_of_it_in_time(offering, own_fal):
    worker = offering.up()
    offering.until(offering.ask("The first take of the day"), "stored")
    assert stored(offering) == {}

    with offering.deps() as deps:
        refresh_schedule.request_refresh(deps, LOCAL_VIEWER)
        eventually(lambda: set(stored(offering)) == set(own_fal.offer.entries), process=worker)
        eventually(lambda: not refresh_schedule.last_refresh(deps).in_progress, process=worker)
        before = stored(offering)
        own_fal.offer.entries.clear()
        fault(own_fal, faults=["catalog-stall=15"])
        refresh_schedule.request_refresh(deps, LOCAL_VIEWER)
        running = refresh_schedule.RefreshState.RUNNING
        eventually(lambda: refresh_schedule.last_refresh(deps).state == running, process=worker)
    assert worker.stop() == 0
    assert stored(offering) == before
