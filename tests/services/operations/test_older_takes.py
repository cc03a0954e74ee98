"""What an older program stored gets what takes have today: its other files, and a copy that browsers play."""

import json
from hashlib import sha256
from typing import Any

import pytest

from backend.domain.states import JobEvent
from backend.domain.trouble import Charged, Trouble
from backend.services.gallery.take_files import playing_key
from backend.services.lifecycle.fetching import choices
from backend.services.operations import older_takes
from backend.services.takes.ways_out import WayOut, ways_out
from backend.store.jobs import jobs
from pages.ui.takes.cards import history_rows
from tests.adapters.decode.bars import BT601, bars
from tests.services.lifecycle.test_files import clip, lay, made, shown
from tests.services.lifecycle.test_players import deep, hevc, look_until_nothing_is_due, played
from tests.world import ANA, World, run_sql

#: Every event that programs since 0001 can draw; in another one's history they would stop at the word.
DRAWN_BY_ALL = {
    "created", "submit_begun", "unsent", "unanswered", "accepted", "refused", "started", "requeued",
    "forgotten", "finished", "errored", "saved", "restored", "lost", "cancelled",
}  # fmt: skip


def by_older(world: World, output: Any, **files: bytes) -> Any:
    """A take that a program of 0003 stored: its main file alone, and nothing said of the others."""
    for name, content in files.items():
        lay(world, f"{name}.mp4", content)
    job = world.until(made(world, output), "stored")
    look_until_nothing_is_due(world, job)
    run_sql(
        world.deps,
        "DELETE FROM file",
        "UPDATE job SET outputs = NULL, due_at = NULL",
        "UPDATE video SET problem = NULL, player_key = NULL",
    )
    return world.job(job)


def sweep_again(world: World) -> int:
    """What another round finds."""
    with world.deps.store.begin() as session:
        older_takes.WALK.forget(session)
    found: int = world.sweep().get("older_takes", 0)
    return found


def test_a_sweep_brings_the_other_files_of_a_take_that_an_older_program_stored(world):
    job = by_older(world, {"videos": ["{files}/a.mp4", "{files}/b.mp4"]}, a=clip(40), b=clip(90))
    assert shown(world, job) == [("videos.0", "video", True), ("videos.1", "video", False)]
    assert world.sweep()["older_takes"] == 1
    look_until_nothing_is_due(world, job)
    assert [here for _, _, here in shown(world, job)] == [True, True]
    assert (world.job(job).state, sweep_again(world)) == ("stored", 0)


def test_the_file_that_an_older_program_took_for_the_main_one_stays_it(world):
    output = {"clip": "{files}/b.mp4", "video": {"url": "{files}/a.mp4"}}
    job = by_older(world, output, a=clip(40), b=clip(90))
    [(whole,)] = run_sql(
        world.deps, "SELECT id FROM video WHERE sha256 = :of", of=sha256(clip(40)).hexdigest()
    )
    world.hurry(job, video_id=whole, result_url=f"{world.sim.url}/files/a.mp4")
    assert shown(world, job) == [("video", "video", True), ("clip", "video", False)]
    world.looks(job, 1)
    assert shown(world, job) == [("video", "video", True), ("clip", "video", True)]
    assert world.job(job).video_id == whole


def test_an_older_take_with_one_file_shows_it_and_is_looked_at_once(world):
    job = by_older(world, {"video": {"url": "{files}/a.mp4"}}, a=clip(40))
    assert shown(world, job) == [("video", "video", True)]
    assert world.sweep()["older_takes"] == 1
    look_until_nothing_is_due(world, job)
    assert (world.take(job).files[0].problem, sweep_again(world)) == (None, 0)


@pytest.mark.parametrize("content", [hevc, deep], ids=["HEVC", "10 bits"])
def test_an_older_take_that_browsers_cannot_play_gets_a_copy_that_they_can(world, content):
    job = by_older(world, {"video": {"url": "{files}/a.mp4"}}, a=content())
    assert world.sweep()["older_takes"] == 1
    look_until_nothing_is_due(world, job)
    video = world.take(job).video
    assert video.problem.startswith("Browsers can't play it")
    assert (playing_key(video), played(world, video)[:2]) == (video.player_key, ("h264", "yuv420p"))


def test_in_a_bucket_what_is_only_doubted_waits_until_somebody_looks(world, monkeypatch):
    job = by_older(world, {"video": {"url": "{files}/a.mp4"}}, a=bars("libx264", BT601))
    monkeypatch.setattr(type(world.deps.storage), "link_origins", lambda _: ("https://bucket",))
    assert sweep_again(world) == 0
    older_takes.complete_take(world.deps, world.take(job))
    assert world.job(job).due_at is not None
    run_sql(world.deps, "UPDATE job SET due_at = NULL", "UPDATE video SET codec = 'hevc'")
    assert sweep_again(world) == 1


def test_files_that_nobody_has_any_more_are_done_without_and_can_be_asked_for(world):
    job = by_older(world, {"videos": ["{files}/a.mp4", "{files}/b.mp4"]}, a=clip(40), b=clip(90))
    output = {"videos": [f"{world.sim.url}/files/a.mp4", f"{world.sim.url}/files/none.mp4"]}
    world.hurry(job, result=output, **world.gone_urls)
    look_until_nothing_is_due(world, job)
    files = world.take(job).files
    assert [file.here for file in files] == [True, False]
    assert "The provider has it no more" in files[1].problem
    assert ways_out(world.take(job), world.deps.clock.now()) == [WayOut.FETCH]
    assert sweep_again(world) == 0
    world.hurry(job, result={"videos": [output["videos"][0], f"{world.sim.url}/files/b.mp4"]})
    choices.fetch_after_all(world.deps, ANA, job.id)
    look_until_nothing_is_due(world, job)
    assert [file.here for file in world.take(job).files] == [True, True]


def test_few_are_at_work_at_a_time_and_the_next_sweep_goes_on(world, monkeypatch):
    monkeypatch.setattr(older_takes, "AT_WORK_MAX", 2)
    lay(world, "a.mp4", clip(40))
    asked = [
        world.until(made(world, {"video": "{files}/a.mp4"}, f"Number {number}"), "stored") for number in "123"
    ]
    run_sql(world.deps, "DELETE FROM file", "UPDATE job SET outputs = NULL, due_at = NULL")
    run_sql(
        world.deps, "UPDATE job SET result = :output",
        output=json.dumps({"videos": [f"{world.sim.url}/files/a.mp4", f"{world.sim.url}/files/late.mp4"]}),
    )  # fmt: skip
    assert older_takes.wake_older(world.deps) == 2
    assert older_takes.wake_older(world.deps) == 0  # until those are through
    for job in asked[:2]:
        world.look(job)
    assert [older_takes.wake_older(world.deps) for _ in range(2)] == [1, 0]


def by_a_person(world: World, job: Any) -> None:
    assert ways_out(world.take(job), world.deps.clock.now()) == [WayOut.FETCH]
    choices.fetch_after_all(world.deps, ANA, job.id)


@pytest.mark.parametrize("brought", [by_a_person, lambda world, _: world.sweep()], ids=["person", "sweep"])
def test_a_result_that_an_older_program_called_no_video_is_fetched_after_all(world, brought):
    lay(world, "a.mp4", clip(40))
    job = made(world, {"video": [{"url": "{files}/a.mp4"}]})
    trouble = Trouble(
        "no_video", "No video.", Charged.YES, "", world.deps.clock.now(), detail=world.job(job).result
    )
    run_sql(
        world.deps,
        "UPDATE job SET state = 'failed', outputs = NULL, result = NULL, result_url = NULL, "
        "ended_at = rendered_at, rendered_at = NULL, due_at = NULL, error = :error",
        error=json.dumps(trouble.as_json()),
    )
    brought(world, job)
    assert world.job(job).state in ("rendered", "stored")
    assert shown(world, world.until(job, "stored")) == [("video.0", "video", True)]
    assert sweep_again(world) == 0


def test_no_program_writes_an_event_that_older_ones_cannot_draw(world):
    assert {str(event) for event in JobEvent} == DRAWN_BY_ALL


def test_an_event_that_only_a_newer_program_knows_is_drawn_as_it_is_called(world):
    job = world.ask()
    run_sql(world.deps, "UPDATE history SET event = 'put_aside'")
    with world.deps.store.read() as session:
        [row] = history_rows(jobs.list_history(session, job.id))
    assert row["what"] == "put aside"
