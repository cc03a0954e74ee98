"""Bringing the file home: whole or not at all, again and again while the provider has it."""

import hashlib
import os
from datetime import timedelta

import pytest

from backend.domain import policy
from backend.domain.errors import StateConflict, StorageDown
from backend.services.lifecycle.fetching import preview
from backend.services.operations import sweep
from backend.services.takes import photos
from tests.programs import small_disk
from tests.world import ANA, World


def rendered(world: World, marker: str = ""):
    return world.until(world.ask(f"A calm sea [sim:never {marker}]"), "rendered")


def files(world: World) -> list[str]:
    return sorted(world.deps.storage.list_keys())


def test_the_stored_file_is_whole_hashed_and_has_a_poster_and_a_preview(world):
    job = world.until(rendered(world), "stored")
    world.look(job)
    video = world.take(job).video
    with world.deps.storage.open(video.key) as file:
        assert hashlib.sha256(file.read()).hexdigest() == video.sha256
    assert video.key == f"{video.sha256}.mp4"
    assert video.duration_s > 0.5
    assert (video.width, video.height) == (320, 180)
    assert files(world) == sorted([video.key, video.poster_key, video.preview_key])
    assert list(world.deps.settings.parts_dir.iterdir()) == []


@pytest.mark.parametrize(
    "marker", ["media-500=2", "media-html=2", "media-cut=2", "media-404=2", "media-no-range media-cut=1"]
)
def test_a_fault_on_the_way_shows_on_the_take_and_is_tried_again_until_the_file_is_whole(world, marker):
    troubled = world.look(rendered(world, marker))
    assert (troubled.state, troubled.error["charged"]) == ("rendered", "yes")
    assert troubled.due_at > world.deps.clock.now()
    job = world.until(troubled, "stored")
    assert world.history(job)[-2:] == ["rendered", "stored"]
    assert world.posts == 1


@pytest.mark.parametrize("marker", ["media-big=1 media-cut", "media-html"])
def test_what_did_not_come_whole_and_what_is_no_file_is_never_stored(world, marker):
    tried = world.looks(rendered(world, marker), 4)
    assert {job.state for job in tried} == {"rendered"}
    assert files(world) == []
    assert tried[-1].error["code"] in ("media_broken", "media_unreachable")


def test_a_video_that_the_provider_has_lost_is_said_loudly_and_brought_home_when_it_has_it_again(world):
    job = rendered(world)
    world.set_faults(job, "media-404", "expired")
    lost = world.looks(job, 8)[-1]
    assert (lost.state, lost.error["code"], lost.error["charged"]) == ("failed", "lost", "yes")
    still = world.looks(job, policy.FORGOTTEN_AFTER + 2)[-1]
    assert still.due_at is not None, "nobody would ever ask again"
    world.set_faults(job)
    assert world.until(job, "stored").video_id


def test_faults_of_another_kind_do_not_count_towards_a_loss(world):
    job = rendered(world)
    world.set_faults(job, "media-404", "expired")
    trouble = {"code": "media_unreachable", "message": "No route.", "charged": "yes", "next": ""}
    world.hurry(job, attempts=9, error=trouble)
    assert world.look(job).state == "rendered"


def test_a_link_that_flaps_between_two_faults_is_asked_for_ever_more_seldom_and_is_not_lost(world):
    job = rendered(world)
    for number in range(8):
        world.set_faults(job, ("media-404", "media-500")[number % 2], "expired")
        now = world.looks(job, 1)[0]
    assert (now.state, now.attempts) == ("rendered", 8)
    assert now.due_at - world.deps.clock.now() > timedelta(seconds=60)
    world.set_faults(job, "media-404", "expired")
    states = [look.state for look in world.looks(job, policy.LOST_AFTER)]
    assert states == ["rendered"] * (policy.LOST_AFTER - 1) + ["failed"]


def test_a_dead_link_is_asked_for_again_while_the_provider_has_the_result(world):
    job = rendered(world)
    world.hurry(job, result_url=f"{world.sim.url}/media/gone.mp4")
    assert world.look(job).state == "rendered"
    world.until(job, "stored")


def test_two_takes_with_the_same_bytes_share_one_file(world):
    first = world.until(world.ask("Twins [sim:never]"), "stored")
    second = rendered(world)
    world.hurry(second, result_url=first.result_url, result_size_bytes=None)
    assert world.until(second, "stored").video_id == first.video_id
    assert sum(key.endswith(".mp4") for key in files(world)) == 1


def test_leftovers_of_the_dead_are_swept_away_and_those_of_the_living_stay(world):
    folder, new_id = world.deps.settings.parts_dir, world.deps.clock.new_id
    folder.mkdir(parents=True)
    old, of_use = (folder / f"{owner}.{new_id()}.part" for owner in (new_id(), rendered(world).id))
    for path in (old, of_use):
        path.write_bytes(b"x")
        os.utime(path, (1, 1))
    assert sweep.repair_all(world.deps)["leftovers_removed"] == 1
    assert list(folder.iterdir()) == [of_use]


def test_the_first_and_the_last_picture_of_a_take_can_start_the_next_one(world):
    job = world.until(world.ask("Red / dress: take? [sim:never]"), "stored")
    uploads = [photos.upload_from_take(world.deps, ANA, job.id, last=last) for last in (False, True)]
    assert [(upload.width, upload.height) for upload in uploads] == [(320, 180)] * 2
    assert [upload.file_name for upload in uploads] == [
        f"{which} frame of Red dress take [sim never].png" for which in ("first", "last")
    ]
    assert uploads[0].sha256 != uploads[1].sha256
    with pytest.raises(StateConflict):
        photos.upload_from_take(world.deps, ANA, world.ask().id, last=True)


# -- the small moving picture: made when there is room for it, however long that takes ------------------


@pytest.mark.parametrize("where", ["on the way", "in storage"])
def test_a_preview_waits_for_a_full_disk_and_no_try_is_counted(world, where):
    job = world.until(world.ask("A calm sea [sim:never]"), "stored")
    folder = world.deps.settings.parts_dir if where == "on the way" else world.media / "previews"
    with small_disk(folder, "64k"):
        (folder / "other").write_bytes(bytes(64 * 1024))
        waiting = world.looks(job, preview.PREVIEW_TRIES_MAX + 1)[-1]
        video = world.take(job).video
        assert (waiting.state, video.preview_key, video.preview_tries) == ("stored", None, 0)
        assert waiting.due_at > world.deps.clock.now()
        assert [path.name for path in folder.iterdir()] == ["other"]
    world.looks(job, 1)
    assert world.take(job).video.preview_key is not None


def test_control_a_build_that_counts_a_full_disk_as_a_failure_would_be_caught(world, monkeypatch):
    monkeypatch.setattr(preview, "StorageFull", StorageDown)
    with pytest.raises(AssertionError):
        test_a_preview_waits_for_a_full_disk_and_no_try_is_counted(world, "in storage")
