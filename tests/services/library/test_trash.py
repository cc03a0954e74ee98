"""The trash: what is in it keeps its files for so many days, and then no longer."""

from datetime import timedelta
from typing import Any

import pytest

from backend.domain.errors import StateConflict, StorageDown
from backend.domain.states import JobEvent
from backend.models import Job, Video
from backend.services.gallery import takes as gallery
from backend.services.library import edit
from backend.services.lifecycle.fetching import choices
from backend.services.operations import older_takes, sweep, totals
from backend.services.operations.emptying import empty_trash
from backend.services.takes.ways_out import ways_out
from tests import databases
from tests.services.client import said, status
from tests.world import ADMIN, ANA, at_once, run_sql, throw

pytestmark = databases.BOTH
DAYS_30 = timedelta(days=30).total_seconds()


def trashed(team: Any, content: bytes = b"a" * 100) -> tuple[str, Video]:
    """A take with a file, in the trash."""
    job_id, link = team.started(), "https://v3.fal.media/files/a.mp4"
    named: Any = {"outputs": [{"role": "video", "url": link}], "result_url": link}
    team.advance(job_id, JobEvent.FINISHED, rendered_at=team.clock.now(), **named)
    video = team.saved(job_id, content)
    edit.trash_take(team.deps, ANA, job_id)
    return job_id, video


def keys(team: Any) -> set[str]:
    return set(team.deps.storage.list_keys())


def test_after_its_days_a_file_is_gone_unless_another_take_has_it_and_the_take_is_still_told_of(sidecar):
    one, video = trashed(sidecar)
    other = sidecar.started()
    sidecar.stored(other, b"a" * 100)
    kept, lone = {video.key, str(video.poster_key)}, trashed(sidecar, b"b" * 100)
    sidecar.clock.pass_s(DAYS_30 - 1)
    assert empty_trash.empty_trash(sidecar.deps) == 0
    sidecar.clock.pass_s(1)
    assert empty_trash.empty_trash(sidecar.deps) == 2
    assert keys(sidecar) == kept
    assert status(sidecar, other)["video"]["missing"] is False
    for job_id in (one, lone[0]):
        told = status(sidecar, job_id)
        assert (told["status"], told["video"], told["files"][0]["url"]) == ("completed", None, None)
        assert told["files"][0]["problem"] == "It was deleted from the trash."
        assert told["cost"]["estimate_usd"] is not None
        lines, _ = gallery.get_history(sidecar.deps, ADMIN, job_id)
        assert [line.event for line in lines][-2:] == ["trashed", "emptied"]
        said(sidecar.call("ana", "POST", f"/api/video/takes/{job_id}/restore"), 409)
    edit.trash_take(sidecar.deps, ANA, other)
    sidecar.clock.pass_s(DAYS_30)
    assert empty_trash.empty_trash(sidecar.deps) == 1
    assert keys(sidecar) == set()
    assert run_sql(sidecar.deps, "SELECT id FROM video") == []


@pytest.mark.databases(None)
def test_what_is_gone_is_not_fetched_again_by_any_sweep_nor_by_anybody(sidecar):
    job_id, _ = trashed(sidecar)
    sidecar.clock.pass_s(DAYS_30)
    sweep.repair_all(sidecar.deps)
    before = sidecar.job(job_id)
    take = sidecar.take(before)
    assert not older_takes.lacks_something(take.job, take.files, remote=False)
    assert ways_out(take, sidecar.clock.now()) == []
    with pytest.raises(StateConflict):
        choices.fetch_after_all(sidecar.deps, ANA, job_id)
    failed = {
        "state": "failed",
        "error": {"code": "no_video", "detail": {"video": {"url": "https://a.b/c.mp4"}}},
    }
    for at, lacks in ((None, True), (sidecar.clock.now(), False)):
        job = Job(**take.job.model_dump() | failed | {"due_at": None, "trashed_at": at, "emptied_at": None})
        assert older_takes.lacks_something(job, [], remote=False) is lacks
    sidecar.clock.pass_s(7200)
    assert "woken" not in {name for name, number in sweep.repair_all(sidecar.deps).items() if number}
    assert sidecar.job(job_id).due_at == before.due_at


@pytest.mark.databases(None)
@pytest.mark.parametrize("stops_at", ["the first key", "the second key"])
def test_whoever_is_stopped_while_files_are_removed_is_gone_on_after(sidecar, monkeypatch, stops_at):
    trashed(sidecar)
    sidecar.clock.pass_s(DAYS_30)
    remove, calls = sidecar.deps.storage.remove, []

    def stop(key: str) -> None:
        calls.append(key)
        if len(calls) == (1 if stops_at == "the first key" else 2):
            throw(StorageDown("away"))
        remove(key)

    monkeypatch.setattr(sidecar.deps.storage, "remove", stop)
    empty_trash.empty_trash(sidecar.deps)
    assert keys(sidecar), "something is left"
    monkeypatch.undo()
    empty_trash.empty_trash(sidecar.deps)
    assert keys(sidecar) == set()
    assert run_sql(sidecar.deps, "SELECT id FROM video") == []


@pytest.mark.databases(None)
def test_a_file_that_a_take_got_meanwhile_stays(sidecar):
    job_id, video = trashed(sidecar)
    sidecar.clock.pass_s(DAYS_30)
    assert empty_trash._empty(sidecar.deps, job_id)  # stopped right after its commit
    other = sidecar.started()
    sidecar.stored(other, b"a" * 100)
    empty_trash.empty_trash(sidecar.deps)
    assert keys(sidecar) == {video.key, video.poster_key}
    assert sidecar.job(other).video_id == video.id


def test_a_take_is_brought_back_or_emptied_and_never_half_of_each(sidecar):
    ids = [trashed(sidecar, bytes([number]) * 100)[0] for number in range(8)]
    sidecar.clock.pass_s(DAYS_30)

    def act(number: int) -> str | None:
        if number == 0:
            empty_trash.empty_trash(sidecar.deps)
            return None
        try:
            edit.restore_take(sidecar.deps, ANA, ids[-number])
        except StateConflict:
            return None
        return ids[-number]

    back = {job_id for job_id in at_once(5, act) if job_id}
    empty_trash.empty_trash(sidecar.deps)
    for job_id in ids:
        video = status(sidecar, job_id)["video"]
        assert (video is not None) == (job_id in back)
    assert len(keys(sidecar)) == 2 * len(back)


@pytest.mark.databases(None)
def test_the_number_of_videos_is_that_of_those_that_are_left(sidecar):
    trashed(sidecar)
    sidecar.clock.pass_s(DAYS_30)
    totals.update_totals(sidecar.deps)
    with sidecar.deps.store.read() as session:
        assert (totals.get_totals(session).videos, totals.get_totals(session).videos_bytes) == (1, 100)
    empty_trash.empty_trash(sidecar.deps)
    with sidecar.deps.store.read() as session:
        assert (totals.get_totals(session).videos, totals.get_totals(session).videos_bytes) == (0, 0)


@pytest.mark.databases(None)
def test_takes_in_a_workers_hands_wait_and_a_cancelled_one_is_done_with(sidecar):
    job_id, _ = trashed(sidecar)
    sidecar.clock.pass_s(DAYS_30)
    sidecar.hurry(sidecar.job(job_id))
    with sidecar.claims.claim_job(job_id):
        assert empty_trash.empty_trash(sidecar.deps) == 0
    assert empty_trash.empty_trash(sidecar.deps) == 1
    none = sidecar.started()
    sidecar.cancel(none)
    edit.trash_take(sidecar.deps, ANA, none)
    sidecar.clock.pass_s(DAYS_30)
    assert [empty_trash.empty_trash(sidecar.deps) for _ in range(2)] == [1, 0]
