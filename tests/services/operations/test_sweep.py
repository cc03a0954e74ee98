"""The promise: whatever was dropped, forgotten or killed is found, and one bad row stops nobody."""

import contextlib

from backend.domain.errors import StaleState, StorageDown
from backend.media.storage.local import LocalStorage
from backend.services.lifecycle.dispatch import run_step
from backend.services.operations import status, sweep
from backend.store.jobs import jobs
from tests import databases
from tests.world import at_once, throw

pytestmark = databases.BOTH


def test_a_row_that_waits_for_nothing_is_woken_and_the_sweep_says_what_it_did(world):
    job = world.ask()
    with world.deps.store.begin() as session:
        jobs.update_if_unchanged(session, job, due_at=None)

    did = world.sweep()

    assert did == {"woken": 1, "looks": 1}
    assert world.job(job).state == "queued"
    assert status.last_sweep(world.deps).did == status.list_sweeps(world.deps)[0].did == did


def test_the_job_of_a_dead_worker_is_taken_up_after_its_lease(world):
    job = world.ask()
    with world.another().claims.claim_job(job.id) as dead:
        assert world.look(job).state == "created"
        world.cut_off(dead)
        assert world.look(job).state == "queued"


def test_one_bad_row_never_stops_the_others(world):
    poison, fine = world.ask("Poison"), world.ask("Fine")
    world.hurry(poison, provider="gone")
    began = world.deps.clock.now()
    world.sweep()
    assert world.job(fine).state == "queued"
    put_off = world.job(poison)
    assert (put_off.attempts, put_off.claimed_by) == (1, None)
    assert put_off.due_at > began


def test_a_job_woken_while_it_is_in_hand_is_looked_at_again(world):
    job = world.look(world.ask("[sim:stuck never]"))
    world.hurry(job)
    with world.claims.claim_job(job.id) as claim:
        world.hurry(job)  # as a stale delivery does
        with contextlib.suppress(StaleState):
            claim.defer(due_in_s=300)
    assert world.job(job).due_at <= world.deps.clock.now()


def test_of_four_who_look_at_a_job_at_once_one_asks_the_provider(world):
    job = world.look(world.ask("[sim:stuck never]"))
    world.hurry(job)
    workers = [world.another() for _ in range(4)]
    assert at_once(4, lambda index: run_step(world.deps, workers[index].claims, job.id)).count(True) == 1


# -- stored files ---------------------------------------------------------------------------------


def test_a_missing_file_that_is_there_again_is_seen_though_the_provider_has_forgotten_it(world, monkeypatch):
    job = world.until(world.ask("Stored long ago [sim:never]"), "stored")
    gone = dict.fromkeys(("result_url", "response_url", "status_url"), f"{world.sim.url}/none")
    world.hurry(job, request_id="gone", **gone)
    file, away = world.media / world.take(job).video.key, world.media / "away"
    file.rename(away)
    assert world.sweep()["missing_files"] == 1

    with monkeypatch.context() as change:
        down = StorageDown("The bucket answers SlowDown; it is tried again later.")
        change.setattr(LocalStorage, "size", lambda *_: throw(down))
        [waiting] = world.looks(job, 1)
    assert waiting.error["code"] == "storage_down"
    assert waiting.due_at > world.deps.clock.now()

    away.rename(file)
    with world.deps.store.begin() as session:
        jobs.update_if_unchanged(session, world.job(job), due_at=None)
    for _ in range(2):  # one wakes it, one looks: there is nothing more to ask the provider
        world.sweep()
    now = world.job(job)
    assert (now.state, now.error, world.take(job).video.missing_at) == ("stored", None, None)


def test_an_upload_that_ends_while_a_sweep_looks_at_it_stops_no_sweep(world):
    folder = world.deps.settings.parts_dir
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "upload-gone").symlink_to(folder / "nowhere")  # listed, and not there when it is looked at

    assert sweep.remove_leftovers(world.deps) == 0
