"""Bringing the file home: whole or not at all, again and again while the provider has it."""

import hashlib
import os
import threading

import pytest
import requests

from backend.domain import policy
from backend.services.gallery import signed_links
from backend.services.operations.verify import verify_all
from tests.waiting import eventually
from tests.world import World


def rendered(world: World, marker: str = ""):
    return world.until(world.ask(f"A calm sea [sim:never {marker}]"), "rendered")


def files(world: World) -> list[str]:
    return sorted(world.deps.storage.list_keys())


def parts(world: World) -> list[str]:
    folder = world.deps.settings.parts_dir
    return sorted(os.listdir(folder)) if folder.exists() else []


def test_the_stored_file_is_whole_hashed_and_has_a_poster_and_a_preview(world):
    job = world.until(rendered(world), "stored")
    world.look(job)
    video = world.take(job).video
    with world.deps.storage.open(video.key) as file:
        content = file.read()
    assert hashlib.sha256(content).hexdigest() == video.sha256
    assert video.key == f"{video.sha256}.mp4"
    assert video.duration_s > 0.5
    assert (video.width, video.height) == (320, 180)
    assert files(world) == sorted([video.key, video.poster_key, video.preview_key])
    assert parts(world) == []


@pytest.mark.parametrize(
    "marker", ["media-500=2", "media-html=2", "media-cut=2", "media-404=2", "media-no-range media-cut=1"]
)
def test_a_fault_on_the_way_is_tried_again_until_the_file_is_whole(world, marker):
    job = world.until(rendered(world, marker), "stored")
    assert world.history(job)[-2:] == ["rendered", "stored"]
    assert len(world.ledger()["posts"]) == 1


def test_a_fault_shows_on_the_take_and_the_next_try_comes_later(world):
    job = rendered(world, "media-500=1")
    troubled = world.look(job)
    assert troubled.state == "rendered"
    assert troubled.error["charged"] == "yes"
    assert troubled.due_at > world.deps.clock.now()


@pytest.mark.parametrize("marker", ["media-short", "media-html"])
def test_what_is_no_whole_video_is_never_stored(world, marker):
    job = rendered(world, marker)
    for _ in range(4):
        world.hurry(job)
        assert world.look(job).state == "rendered"
    assert files(world) == []
    assert world.job(job).error["code"] in ("media_broken", "media_unreachable")


def test_a_video_that_the_provider_has_lost_is_said_loudly_and_never_called_done(world):
    job = rendered(world)
    requests.post(
        f"{world.sim.url}/sim/requests/{job.request_id}/faults",
        json={"faults": ["media-404", "expired"]},
        timeout=5,
    ).raise_for_status()
    for _ in range(8):
        world.hurry(job)
        world.look(job)
    lost = world.job(job)
    assert lost.state == "failed"
    assert lost.error["code"] == "lost"
    assert lost.error["charged"] == "yes"


def test_a_lost_video_that_the_provider_has_again_is_brought_home(world):
    job = rendered(world)
    faults = f"{world.sim.url}/sim/requests/{job.request_id}/faults"
    requests.post(faults, json={"faults": ["media-404", "expired"]}, timeout=5).raise_for_status()
    assert world.until(job, "failed").error["code"] == "lost"
    for _ in range(policy.FORGOTTEN_AFTER + 2):
        world.hurry(job)
        world.look(job)
    assert world.job(job).due_at is not None, "nobody would ever ask again"
    requests.post(faults, json={"faults": []}, timeout=5).raise_for_status()
    assert world.until(job, "stored").video_id


def test_faults_of_another_kind_do_not_count_towards_a_loss(world):
    job = rendered(world)
    requests.post(
        f"{world.sim.url}/sim/requests/{job.request_id}/faults",
        json={"faults": ["media-404", "expired"]},
        timeout=5,
    ).raise_for_status()
    with world.deps.store.begin() as session:
        from backend.store.jobs import jobs

        trouble = {"code": "media_unreachable", "message": "No route.", "charged": "yes", "next": ""}
        jobs.make_due(session, job.id, at=world.deps.clock.now(), attempts=9, error=trouble)
    assert world.look(job).state == "rendered"


def test_a_dead_link_is_asked_for_again_while_the_provider_has_the_result(world):
    job = rendered(world)
    with world.deps.store.begin() as session:
        from backend.store.jobs import jobs

        jobs.make_due(
            session, job.id, at=world.deps.clock.now(), result_url=f"{world.sim.url}/media/gone.mp4"
        )
    assert world.look(job).state == "rendered"
    world.until(job, "stored")


def test_a_stored_file_that_goes_missing_is_found_and_fetched_again(world):
    job = world.until(rendered(world), "stored")
    world.sweep()
    key = world.take(job).video.key
    world.deps.storage.remove(key)
    assert world.sweep().get("missing_files") == 1
    world.sweep()
    take = world.take(job)
    assert take.video.missing_at is None
    assert take.job.state == "stored"
    assert world.deps.storage.size(key) == take.video.size_bytes


def test_verify_finds_an_altered_file_and_has_it_fetched_again(world):
    job = world.until(rendered(world), "stored")
    world.sweep()
    path = world.deps.storage.local_path(world.take(job).video.key)
    path.chmod(0o640)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    found = verify_all(world.deps, on_progress=lambda line: None)
    assert (found.checked, found.whole, len(found.problems)) == (1, 0, 1)
    world.sweep()
    assert verify_all(world.deps, on_progress=lambda line: None).whole == 1
    assert world.take(job).video.missing_at is None


def test_two_takes_with_the_same_bytes_share_one_file(world):
    first = world.until(world.ask("Twins [sim:never]", params={}), "stored")
    url = world.job(first).result_url
    second = rendered(world)
    with world.deps.store.begin() as session:
        from backend.store.jobs import jobs

        jobs.make_due(session, second.id, at=world.deps.clock.now(), result_url=url, result_size_bytes=None)
    second = world.until(second, "stored")
    assert second.video_id == world.job(first).video_id
    assert sum(key.endswith(".mp4") for key in files(world)) == 1


def test_a_runner_that_lost_its_lease_writes_nothing(world):
    job = rendered(world, "media-slow=64")
    from datetime import timedelta

    from backend.store.jobs import claims

    frozen = World(world.deps, world.sim)
    thread = threading.Thread(target=frozen.look, args=(job,))
    thread.start()
    claim = eventually(lambda: next(iter(frozen.claims.active_claims()), None))
    with world.deps.store.begin() as session:
        claims.renew_leases(session, [claim.lease_token], until=world.deps.clock.now() - timedelta(seconds=1))
    with world.claims.claim_job(job.id) as taken:
        assert taken is not None
        thread.join(30)
        assert world.job(job).state == "rendered"
        assert world.job(job).claimed_by == taken.lease_token
    world.until(job, "stored")


def test_leftovers_of_the_dead_are_swept_away_and_those_of_the_living_stay(world):
    folder = world.deps.settings.parts_dir
    folder.mkdir(parents=True)
    job = rendered(world)
    old = folder / f"{world.deps.clock.new_id()}.{world.deps.clock.new_id()}.part"
    of_use = folder / f"{job.id}.{world.deps.clock.new_id()}.part"
    for path in (old, of_use):
        path.write_bytes(b"x")
        os.utime(path, (1, 1))
    from backend.services.operations import sweep

    assert sweep.repair_all(world.deps)["leftovers_removed"] == 1
    assert not old.exists()
    assert of_use.exists()


def test_links_open_what_they_name_and_nothing_else(world):
    from backend.domain.errors import NotAllowed, NotFound

    job = world.until(rendered(world), "stored")
    key = world.take(job).video.key
    link = signed_links.dashboard_link(world.deps, key)
    expires, signature = link.split("?e=")[1].split("&s=")
    assert signed_links.open_media(world.deps, key, expires=expires, signature=signature).path.exists()
    for bad_key, e, s in [
        (key, "1", signature),
        (key, expires, signature[:-1] + ("B" if signature.endswith("A") else "A")),
        (f"posters/{key}", expires, signature),
    ]:
        with pytest.raises((NotAllowed, NotFound)):
            signed_links.open_media(world.deps, bad_key, expires=e, signature=s)
    with pytest.raises(NotFound):
        signed_links.open_media(world.deps, "../secret_key", expires=expires, signature=signature)


@pytest.mark.parametrize("last", [False, True])
def test_the_first_and_the_last_picture_of_a_take_can_start_the_next_one(world, last):
    from backend.services.takes import photos
    from tests.world import ANA

    job = world.until(rendered(world), "stored")
    upload = photos.upload_from_take(world.deps, ANA, job.id, last=last)
    assert (upload.width, upload.height) == (320, 180)
    assert upload.file_name.startswith("last" if last else "first")
    other = photos.upload_from_take(world.deps, ANA, job.id, last=not last)
    assert other.sha256 != upload.sha256


def test_a_take_without_a_video_has_no_picture_to_keep(world):
    from backend.domain.errors import StateConflict
    from backend.services.takes import photos
    from tests.world import ANA

    with pytest.raises(StateConflict):
        photos.upload_from_take(world.deps, ANA, world.ask().id, last=True)
