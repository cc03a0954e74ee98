"""A check that took too long, or crashed, says more of the machine than of the file: it is made again."""

import pytest

from backend.media.decode import sandbox
from backend.services.lifecycle.fetching import choices
from backend.services.lifecycle.fetching.one_file import CHECK_TRIES
from backend.services.lifecycle.fetching.preview import RECHECKS_MAX
from tests.services.lifecycle.test_files import clip, content_of, lay, made, picture, shown
from tests.world import ANA, World, run_sql

CUT_SHORT = [sandbox.TOO_LONG, sandbox.CRASHED]


@pytest.fixture
def busy(monkeypatch):
    """While its one item is a text, no check ends; the text says why."""
    reason, real = [sandbox.TOO_LONG], sandbox.run_task

    def run_task(*args, **more):
        if reason[0]:
            raise sandbox.UnfinishedTask(reason[0])
        return real(*args, **more)

    monkeypatch.setattr(sandbox, "run_task", run_task)
    return reason


def never_checked(world: World):
    """A take whose video could not be checked, however often, and is kept as it came."""
    lay(world, "a.mp4", clip(50))
    job = made(world, {"video": {"url": "{files}/a.mp4"}})
    tries = world.looks(job, CHECK_TRIES + 2)
    assert [looked.state for looked in tries] == ["rendered"] * (CHECK_TRIES + 1) + ["stored"]
    return job


@pytest.mark.parametrize("why", CUT_SHORT, ids=["late", "crashed"])
@pytest.mark.parametrize(
    ("name", "content"), [("a.mp4", clip(50)), ("a.png", picture())], ids=["video", "picture"]
)
def test_a_check_that_did_not_end_is_made_again_of_the_same_bytes_which_are_not_asked_for(
    world, busy, why, name, content
):
    lay(world, name, content)
    job = made(world, {"video": {"url": f"{{files}}/{name}"}})
    busy[0] = why
    troubled = world.looks(job, CHECK_TRIES)[-1]
    assert (troubled.state, troubled.error["code"]) == ("rendered", "check_unfinished")
    assert "All of it came" in troubled.error["message"]
    lay(world, name, b"what is there by now")
    busy[0] = ""
    stored = world.looks(job, 1)[0]
    (file,) = world.take(stored).files
    assert (stored.state, file.video.checked, content_of(world, file)) == ("stored", True, content)
    assert not [path for path in world.deps.settings.parts_dir.iterdir() if path.name.endswith("json")]


def test_what_can_never_be_checked_is_kept_as_it_came_and_is_a_checked_video_once_it_can(world, busy):
    job = never_checked(world)
    kept = world.take(job).video
    assert (kept.checked, sandbox.TOO_LONG in kept.problem) == (False, True)
    again = world.looks(job, 2)[-1]
    assert again.due_at > world.deps.clock.now(), "nobody would ever check it again"
    busy[0] = ""
    world.looks(job, 2)
    video = world.take(job).video
    assert (video.checked, video.problem or None, video.width, bool(video.poster_key)) == (
        True,
        None,
        64,
        True,
    )
    assert (video.preview_key is not None, world.job(job).due_at) == (True, None)


def test_checks_of_a_kept_file_have_an_end_and_verify_begins_them_anew(world, busy):
    job = never_checked(world)
    assert world.looks(job, RECHECKS_MAX + 2)[-1].due_at is None
    busy[0] = ""
    world.looks(job, 1)
    assert not world.take(job).video.checked
    world.verify()
    assert world.job(job).due_at is not None
    world.looks(job, 1)
    assert world.take(job).video.checked


def test_what_turns_out_to_be_damaged_after_all_says_so_and_is_checked_no_more(world, busy):
    lay(world, "a.mp4", clip(50)[:-200])
    job = made(world, {"video": {"url": "{files}/a.mp4"}})
    world.looks(job, CHECK_TRIES + 2)
    busy[0] = ""
    looked = world.looks(job, 2)[-1]
    video = world.take(job).video
    assert (video.checked, "cut" in video.problem, looked.due_at) == (False, True, None)


def test_a_person_may_have_it_kept_before(world, busy):
    lay(world, "a.mp4", clip(50))
    job = world.looks(made(world, {"video": {"url": "{files}/a.mp4"}}), 1)[0]
    choices.keep_what_there_is(world.deps, ANA, job.id)
    assert world.looks(job, 1)[0].state == "stored"


@pytest.mark.databases("sqlite")  # JSON is text there
def test_bytes_of_one_link_are_never_taken_for_those_of_another(world, busy):
    for shade, name in ((50, "a.mp4"), (90, "b.mp4")):
        lay(world, name, clip(shade))
    job = world.looks(made(world, {"video": {"url": "{files}/a.mp4"}}), 1)[0]
    run_sql(
        world.deps, "UPDATE job SET outputs = REPLACE(outputs, 'a.mp4', 'b.mp4'),"
        " result_url = REPLACE(result_url, 'a.mp4', 'b.mp4') WHERE id = :id", id=job.id,
    )  # fmt: skip
    busy[0] = ""
    assert world.looks(job, 1)[0].state == "stored"
    assert content_of(world, world.take(job).files[0]) == clip(90)
    assert shown(world, job) == [("video", "video", True)]
