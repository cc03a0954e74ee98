"""Whatever the provider does, and whoever asks twice: real processes, over real HTTP."""

import uuid

from tests import databases
from tests.e2e.checker import broken_promises, ledger_of, never_lost, one_bill
from tests.e2e.installation import Installation
from tests.waiting import eventually
from tests.world import PHOTO_MODEL

pytestmark = databases.BOTH

#: What the provider does with a take -> (where that ends, what is billed).
TROUBLES = {
    "none": ("stored", 1),
    "never": ("stored", 1),
    "lost-answer": ("stored", 1),
    "lost-answer never": ("stored", 1),
    "early": ("stored", 1),
    "duplicated=5": ("stored", 1),
    "error=422": ("failed", 0),
    "slow=60": ("cancelled", 0),
}


def test_whatever_the_provider_does_each_take_comes_to_its_end_after_one_post(make_installation, fal):
    installation: Installation = make_installation(FIRST_POLL_S=2)
    installation.up()
    jobs = {trouble: installation.ask(f"A city of paper [sim:{trouble}]") for trouble in TROUBLES}
    stopped = jobs["slow=60"]
    installation.until(stopped, "queued", "running")
    assert installation.call("POST", f"/api/video/cancel/{stopped}").status_code == 202

    for trouble, (end, billed) in TROUBLES.items():
        installation.until(jobs[trouble], end)
        ledger = ledger_of(fal.url, jobs[trouble])
        assert (trouble, len(ledger["posts"]), ledger["billed"]) == (trouble, 1, billed)

    assert "safety filter" in installation.take(jobs["error=422"])["error"]["message"]
    assert ledger_of(fal.url, stopped)["requests"][0]["error_type"] == "client_cancelled"
    assert all("held" in installation.history(jobs[trouble]) for trouble in jobs if "lost" in trouble)
    copies = "SELECT copies FROM delivery WHERE job_id = ?"
    eventually(lambda: installation.rows(copies, jobs["duplicated=5"]) == [{"copies": 5}])
    assert broken_promises(installation) == []
    assert never_lost(installation) == []
    eventually(lambda: one_bill(installation) == [])


def test_a_key_used_again_after_a_restart_gives_the_same_take(make_installation, fal):
    installation: Installation = make_installation()
    sidecar, key = installation.sidecar(), uuid.uuid4().hex
    first = installation.ask("Once only", key=key)
    sidecar.crash()
    installation.up()
    assert installation.ask("Once only", key=key) == first
    other = {"model": PHOTO_MODEL, "prompt": "Something else"}
    again = installation.call("POST", "/api/video/start", json=other, headers={"Idempotency-Key": key})
    assert again.status_code == 409
    installation.until(first, "stored")
    assert len(ledger_of(fal.url, first)["posts"]) == 1
