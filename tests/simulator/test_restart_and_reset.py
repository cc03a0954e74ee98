"""What survives: a restart everything, a reset nothing."""

import stat
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from types import SimpleNamespace

import pytest
import requests

from tests.e2e.installation import ROOT
from tests.ports import reserved_port
from tests.simulator.client import PATIENCE_S, SimulatorClient, running
from tests.waiting import eventually

#: A model that the catalogue has a price of.
PRICED = "fal-ai/kling-video/v3/turbo/pro/text-to-video"


#: A simulator as a process of its own, given a port and a folder.
SERVE = (
    "import sys; from pathlib import Path; from simulator.config import SimulatorConfig;"
    "from simulator.server import serve;"
    "serve('127.0.0.1', int(sys.argv[1]), SimulatorConfig(Path(sys.argv[2]), small=True, pace=0.05))"
)


def test_what_was_under_way_or_owed_goes_on_after_a_kill(tmp_path, receiver):
    receiver.answers = [503]
    with reserved_port() as port:
        sim = SimulatorClient(SimpleNamespace(url=f"http://127.0.0.1:{port}"))

        def answers():
            with suppress(requests.ConnectionError):
                return sim.get("/.well-known/jwks.json").json()

        def started():
            process = subprocess.Popen([sys.executable, "-c", SERVE, str(port), tmp_path], cwd=ROOT)
            return process, eventually(answers)

        first, keys = started()
        refused = sim.submit("[sim:early]", webhook=receiver.url)
        waiting = sim.submit("[sim:slow=0.3]", webhook=receiver.url)
        first.kill()
        first.wait()
        second, keys_again = started()
        told = receiver.bodies(3)
        assert sorted(one["request_id"] for one in told) == sorted(
            [refused["request_id"]] * 2 + [waiting["request_id"]]
        )
        assert keys_again == keys
        for call in receiver.wait(3):
            sim.verify(call)
        video = sim.get(waiting["response_url"]).json()["video"]
        assert len(sim.get(video["url"]).content) == video["file_size"]
        assert sim.ledger()["accepted"] == 2
        second.terminate()
        assert second.wait(20) == 0
    assert stat.S_IMODE((tmp_path / "signing.key").stat().st_mode) == 0o600


# -- a reset


def observed(sim):
    """Everything that can be asked of it."""
    loops = "simulator-queue", "simulator-deliver"
    return {
        "ledger": sim.ledger(),
        "rules": sim.get("/sim/faults").json()["rules"],
        "models": sim.get("/v1/models?limit=100&expand=openapi-3.0").json(),
        "prices": sim.get(f"/v1/models/pricing?endpoint_id={PRICED}").json(),
        "past requests": sim.listed(expand="payloads").json(),
        "queries": len(sim.simulator.installation.listing_queries),
        "files": sorted(path.name for path in sim.simulator.config.data_dir.rglob("*")),
        "keys": sim.get("/.well-known/jwks.json").json(),
        "threads": sum(thread.name in loops for thread in threading.enumerate()),
    }


def test_after_a_reset_all_is_as_after_a_start(tmp_path, receiver):
    with running(tmp_path, seed=7) as sim:
        fresh, seeds = observed(sim), set()
        for _ in range(2):
            output = sim.made(webhook=receiver.url)
            seeds.add(output["seed"])
            receipt = sim.submit("waits [sim:stuck]")
            upload = sim.call("POST", "/files/upload", data=b"x").json()
            sim.add_rule("http=500", match="no such prompt")
            sim.simulator.offer.entries[PRICED]["price"]["unit_usd"] = 9.99
            sim.simulator.offer.entries.popitem()
            changed = {name for name, seen in observed(sim).items() if seen != fresh[name]}
            assert changed == set(fresh) - {"keys", "threads"}

            sim.simulator.reset()

            assert observed(sim) == fresh
        links = [receipt["status_url"], receipt["response_url"], upload["access_url"], output["video"]["url"]]
        assert [sim.get(link).status_code for link in links] == [404] * 4
    assert len(seeds) == 1


@pytest.mark.parametrize(("fault", "where"), [("slow=0.4", "requests"), ("late=0.4", "deliveries")])
def test_what_is_under_way_at_a_reset_never_comes(sim, receiver, fault, where):
    """A second one of its kind, begun after the reset, shows that the first one's time has come."""
    sim.submit(f"old [sim:{fault}]", webhook=receiver.url)
    eventually(lambda: sim.ledger()[where])
    sim.simulator.reset()
    new = sim.submit(f"new [sim:{fault}]", webhook=receiver.url)
    assert sim.result(new).status_code == 200

    assert [told["request_id"] for told in receiver.bodies(1)] == [new["request_id"]]
    ledger = sim.ledger()
    assert {line["request_id"] for line in ledger["requests"] + ledger["deliveries"]} == {new["request_id"]}
    assert [path.stem for path in sim.simulator.config.media_dir.iterdir()] == [new["request_id"]]


#: Calls that a fault holds open, and what shows that they have begun.
HELD = {
    "submit": (lambda sim: sim.post("[sim:stall=60]"), lambda sim: sim.ledger()["accepted"]),
    "early": (lambda sim: sim.post("[sim:early slow=60]"), lambda sim: sim.ledger()["accepted"]),
    "blocking": (lambda sim: sim.complete("[sim:slow=60]"), lambda sim: sim.ledger()["accepted"]),
    "download": (
        lambda sim: sim.get(sim.made("[sim:media-slow=1] silk")["video"]["url"]),
        lambda sim: sim.ledger()["downloads"],
    ),
    "listing": (
        lambda sim: sim.add_rule("catalog-stall=60") and sim.get("/v1/models"),
        lambda sim: sim.simulator.installation.listing_queries,
    ),
}


@pytest.mark.parametrize("kind", HELD)
def test_a_call_that_is_held_open_at_a_reset_is_cut_off_and_leaves_nothing(sim, kind):
    call, has_begun = HELD[kind]
    nothing = sim.ledger()
    with ThreadPoolExecutor(1) as pool:
        calling = pool.submit(call, sim)
        eventually(lambda: has_begun(sim))
        sim.simulator.reset()
        error = calling.exception(timeout=PATIENCE_S)
    assert isinstance(error, requests.ConnectionError | requests.exceptions.ChunkedEncodingError)
    assert sim.ledger() == nothing


def test_a_reset_does_not_wait_for_a_receiver_that_hangs(sim, receiver):
    receiver.go.clear()
    sim.submit(webhook=receiver.url)
    receiver.wait(1)
    sim.simulator.reset()
    assert sim.made()["video"]
    receiver.go.set()
    assert sim.ledger()["deliveries"] == []
