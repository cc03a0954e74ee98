"""The promise: whatever was dropped, forgotten or killed is found, and one bad row stops nobody."""

import contextlib
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from backend.domain.errors import StaleState, StorageDown
from backend.media.storage.local import LocalStorage
from backend.models import Job
from backend.services.lifecycle.dispatch import run_step
from backend.services.operations import status, sweep
from backend.store.jobs import claims, jobs
from tests import databases
from tests.world import World

pytestmark = databases.BOTH


def test_one_sweep_after_another_brings_every_take_home(world):
    made = [world.ask(f"Take {number} [sim:never]") for number in range(3)]
    for job in made:
        world.until(job, "stored")
    assert len(world.ledger()["posts"]) == 3


def test_a_sweep_says_what_it_did_and_when(world):
    world.ask()
    did = world.sweep()
    assert did["looks"] == 1
    fact = status.last_sweep(world.deps)
    assert fact.did == did
    assert status.list_sweeps(world.deps)[0].did == did


def test_a_row_that_waits_for_nothing_is_woken(world):
    job = world.ask()
    with world.deps.store.begin() as session:
        jobs.update_if_unchanged(session, jobs.get(session, job.id), due_at=None)
    assert world.sweep()["woken"] == 1
    assert world.job(job).state != "created"


def test_the_job_of_a_dead_worker_is_taken_up_after_its_lease(world):
    job = world.ask()
    with world.deps.store.begin() as session:
        now = world.deps.clock.now()
        assert claims.try_claim(session, job.id, lease_token="dead", now=now, lease_s=15)
    assert world.look(job).state == "created"
    with world.deps.store.begin() as session:
        claims.renew_leases(session, ["dead"], until=world.deps.clock.now() - timedelta(seconds=1))
    assert world.look(job).state == "queued"


def test_one_bad_row_never_stops_the_others(world, caplog):
    poison, fine = world.ask("Poison"), world.ask("Fine")
    with world.deps.store.begin() as session:
        jobs.make_due(session, poison.id, at=world.deps.clock.now(), provider="gone")
    began = world.deps.clock.now()
    world.sweep()
    assert world.job(fine).state == "queued"
    put_off = world.job(poison)
    assert put_off.attempts == 1
    assert put_off.due_at > began
    assert put_off.claimed_by is None


def test_a_job_woken_while_it_is_in_hand_is_looked_at_again(world):
    job = world.look(world.ask("[sim:stuck never]"))
    world.hurry(job)
    with world.claims.claim_job(job.id) as claim:
        with world.deps.store.begin() as session:
            jobs.make_due(session, job.id, at=world.deps.clock.now())  # as a stale delivery does
        with contextlib.suppress(StaleState):
            claim.defer(due_in_s=300)
    assert world.job(job).due_at <= world.deps.clock.now()


def test_two_sweepers_ask_the_provider_once_for_each_job(world):
    job = world.look(world.ask("[sim:stuck never]"))
    world.hurry(job)
    others = [World(world.deps, world.sim) for _ in range(4)]
    looked: list[bool] = []
    threads = [
        threading.Thread(target=lambda w=w: looked.append(run_step(w.deps, w.claims, job.id))) for w in others
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert looked.count(True) == 1


# -- stored files ---------------------------------------------------------------------------------


def stored_and_forgotten(world: World) -> tuple[Job, Path]:
    """A take whose file is here, and which the provider has no more; and the folder of all files."""
    job = world.until(world.ask("Stored long ago [sim:never]"), "stored")
    gone = f"{world.sim.url}/none"
    with world.deps.store.begin() as session:
        jobs.update_if_unchanged(
            session, world.job(job), request_id="gone", result_url=gone, response_url=gone, status_url=gone
        )
    return job, Path(world.deps.settings.resolved_storage_url.removeprefix("file://"))


def test_a_missing_file_that_is_there_again_is_seen_though_the_provider_has_forgotten_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, media = stored_and_forgotten(world)
    file = media / world.take(job).video.key
    file.rename(media.with_name("away"))
    assert world.sweep()["missing_files"] == 1

    def down(storage: LocalStorage, key: str) -> int:
        raise StorageDown("The bucket answers SlowDown; it is tried again later.")

    with monkeypatch.context() as change:
        change.setattr(LocalStorage, "size", down)
        world.hurry(job)
        waiting = world.look(job)
    assert waiting.error["code"] == "storage_down"
    assert waiting.due_at > world.deps.clock.now()

    media.with_name("away").rename(file)
    with world.deps.store.begin() as session:
        jobs.update_if_unchanged(session, world.job(job), due_at=None)
    for _ in range(2):  # one wakes it, one looks: there is nothing more to ask the provider
        world.sweep()
    now = world.job(job)
    assert (now.state, now.error, world.take(job).video.missing_at) == ("stored", None, None)


def test_an_upload_that_ends_while_a_sweep_looks_at_it_stops_no_sweep(world: World) -> None:
    folder = world.deps.settings.parts_dir
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "upload-gone").symlink_to(folder / "nowhere")  # listed, and not there when it is looked at

    assert sweep.remove_leftovers(world.deps) == 0
