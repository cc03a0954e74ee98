"""A person names the link of a take's file: a slip costs nothing, and what the provider says counts."""

from typing import Any

import pytest

from backend.domain import policy
from backend.domain.errors import InvalidRequest, StateConflict
from backend.domain.links import NAMED_ROLE
from backend.models import Job, TakeFile, Video
from backend.services.lifecycle.fetching import choices
from backend.services.takes import cancel, held_choices
from backend.services.takes.ways_out import WayOut, ways_out
from backend.store.records import take_files
from tests.services.lifecycle.test_files import clip, lay, made, shown
from tests.services.receiving import LINK, Post, body_of, failed, ok, verdict
from tests.waiting import eventually
from tests.world import ANA, World

CAME = {"video": "gs://bucket/v.mp4", "note": "It lies in the studio's own bucket."}


def name(world: World, job: Job, file: str) -> Job:
    link = file if "://" in file else f"{world.sim.url}/files/{file}"
    return choices.name_link(world.deps, ANA, job.id, link)


@pytest.mark.parametrize(
    ("link", "why"),
    [
        ("typo.mp4", "404"),
        ("page.mp4", "no file of the take"),
        ("https://no-such-host.invalid/a.mp4", "no-such-host.invalid"),
        ("http://10.0.0.1/a.mp4", "10.0.0.1"),
    ],
)
def test_a_slip_in_a_link_that_is_named_by_hand_costs_nothing(world, link, why):
    lay(world, "page.mp4", b"<html>Not found</html>", "text/html")
    job = made(world, CAME)
    assert (job.state, job.result) == ("held", CAME)
    for _ in range(2):  # the second one has as many tries as the first
        name(world, job, link)
        looks = world.looks(job, policy.LOST_AFTER)
        assert [one.state for one in looks] == ["rendered"] * (policy.LOST_AFTER - 1) + ["held"]
        again = looks[-1]
        assert (again.result, again.error["detail"], again.outputs) == (CAME, CAME, None)
        assert link in again.error["message"]
        assert why in again.error["message"]
        assert again.error["charged"] == "yes"
        assert again.due_at is not None, "nobody would ever ask the provider again"
    lay(world, "good.mp4", clip())
    name(world, job, "good.mp4")
    stored = world.until(job, "stored")
    assert (shown(world, stored), stored.result) == ([(NAMED_ROLE, "video", True)], CAME)
    assert world.accepted == 1


def test_another_link_can_be_named_as_soon_as_the_first_has_not_come(world):
    job = name(world, made(world, CAME), "typo.mp4")
    assert WayOut.NAME_LINK not in ways_out(world.take(job), world.deps.clock.now()), "it is on its way"
    world.looks(job, 1)
    assert WayOut.NAME_LINK in ways_out(world.take(job), world.deps.clock.now())
    lay(world, "good.mp4", clip())
    again = name(world, job, "good.mp4")
    assert (again.state, again.attempts, again.error) == ("rendered", 0, None)
    assert world.looks(job, 1)[0].state == "stored"


def test_a_link_to_another_file_than_was_meant_is_followed_by_the_right_one(world):
    lay(world, "other.mp4", clip(90))
    lay(world, "good.mp4", clip(50))
    job = world.until(name(world, made(world, CAME), "other.mp4"), "stored")
    other = world.job(job).video_id
    assert ways_out(world.take(job), world.deps.clock.now()) == [WayOut.NAME_LINK]
    with pytest.raises(InvalidRequest):
        name(world, job, "other.mp4")
    for slip in ("typo.mp4", "good.mp4"):
        assert WayOut.NAME_LINK in ways_out(world.take(job), world.deps.clock.now())
        name(world, job, slip)
        world.looks(job, 1)
    now = world.job(job)
    assert shown(world, job) == [(f"{NAMED_ROLE} 2", "video", True), (NAMED_ROLE, "video", True)]
    assert (now.state, now.result, now.error) == ("stored", CAME, None)
    good, before = world.take(job).files
    assert (now.video_id, before.video.id) == (good.video.id, other)


def test_a_link_named_while_a_worker_fetches_the_one_before_is_what_is_fetched(world):
    """The other one comes whole at that moment, and is not the take's any more."""
    lay(world, "other.mp4", clip(90))
    lay(world, "good.mp4", clip(50))
    job = name(world, made(world, CAME), "other.mp4")
    real = world.deps.storage.put_file

    def slow(*place: Any) -> None:
        real(*place)
        name(world, job, "good.mp4")

    storage = type("Slow", (), {"__getattr__": lambda _, name: getattr(world.deps.storage, name)})()
    storage.put_file = slow
    assert world.another(storage=storage).look(job).state == "rendered"
    assert world.until(job, "stored").result_url.endswith("good.mp4")
    assert world.take(job).video.sha256 == world.take(job).files[0].video.sha256
    assert world.deps.storage.size(world.take(job).video.key) == len(clip(50))


def test_a_lost_answer_is_still_looked_for_once_a_named_link_has_led_nowhere(world):
    job = world.look(world.ask("A lost answer [sim:lost-answer never]"))
    name(world, job, "typo.mp4")
    held = world.looks(job, policy.LOST_AFTER)[-1]
    assert (held.state, held.error["charged"]) == ("held", "maybe")
    stored = world.until(job, "stored")
    assert [role for role, _, _ in shown(world, stored)] == ["video"]
    assert (world.posts, stored.request_id is not None) == (1, True)


def test_the_result_that_is_asked_for_joins_a_file_that_was_named(world):
    lay(world, "good.mp4", clip())
    job = world.look(world.ask("A lost answer [sim:lost-answer never]"))
    name(world, job, "good.mp4")
    assert world.until(job, "stored").request_id is None

    def finished() -> str | None:
        (request,) = world.ledger()["requests"]
        return str(request["request_id"]) if request["status"] == "COMPLETED" else None

    world.hurry(job, request_id=eventually(finished))
    world.looks(job, 2)
    assert shown(world, job) == [("video", "video", True), (NAMED_ROLE, "video", True)]
    both, now = world.take(job), world.job(job)
    assert (now.state, now.video_id) == ("stored", both.files[0].video.id)
    assert both.files[0].video.sha256 != both.files[1].video.sha256
    assert now.billed_units is not None


def test_a_link_that_was_given_up_leaves_the_way_open_for_what_the_provider_made(world):
    job = name(world, made(world, CAME), "typo.mp4")
    world.looks(job, 1)
    assert cancel.cancel_job(world.deps, ANA, job.id).error["charged"] == "maybe"
    assert world.looks(job, 1)[0].state == "cancelled"
    lay(world, "typo.mp4", clip())
    choices.fetch_after_all(world.deps, ANA, job.id)
    assert world.until(job, "stored").video_id


# -- what the provider says afterwards -------------------------------------------------------------------


def ours(post: Post, job: Job) -> Video:
    """The file that a person named is whole, and ours."""
    video = post.saved(job, b"found by hand")
    with post.deps.store.begin() as session:
        take_files.put_rows(
            session, [TakeFile(job_id=job.id, role=NAMED_ROLE, position=0, video_id=video.id)]
        )
    return video


def named(post: Post, link: str = "https://wrong.example/x.mp4") -> Job:
    return choices.name_link(post.deps, ANA, post.made("held").id, link)


def test_a_webhook_takes_the_place_of_a_named_link_that_has_not_come(post):
    job = named(post)
    assert verdict(post.deliver(job, ok("req-real"))) == "applied"
    now = post.job(job)
    assert (now.state, now.request_id, now.result_url) == ("rendered", "req-real", LINK)
    assert [(file["role"], file["url"]) for file in now.outputs] == [("video", LINK)]
    assert now.due_at <= post.clock.now()
    assert verdict(post.deliver(job, ok("req-real"))) == "duplicate"
    assert verdict(post.deliver(job, ok("req-real", f"{LINK}?other"))) == "conflict"
    assert post.job(job) == now


def test_a_webhook_joins_a_named_file_that_is_ours(post):
    job = named(post)
    mine = ours(post, job)
    assert verdict(post.deliver(job, ok("req-real"))) == "applied"
    now, take = post.job(job), post.take(job)
    assert (now.state, now.video_id, now.request_id) == ("stored", mine.id, "req-real")
    assert [(file.wanted.role, file.here) for file in take.files] == [("video", False), (NAMED_ROLE, True)]
    assert (now.due_at <= post.clock.now(), now.rendered_at is not None) == (True, True)


def test_a_webhook_that_names_the_very_link_adds_nothing_to_a_file_that_is_ours(post):
    job = named(post, LINK)
    ours(post, job)
    assert verdict(post.deliver(job, ok("req-real"))) == "applied"
    assert [(file.wanted.role, file.here) for file in post.take(job).files] == [(NAMED_ROLE, True)]


@pytest.mark.parametrize("after", ["the link led nowhere", "it was given up"])
def test_a_webhook_brings_the_video_of_a_take_whose_named_link_was_a_slip(post, after):
    job = named(post)
    if after == "it was given up":
        cancel.cancel_job(post.deps, ANA, job.id)
    else:
        post.looks(job, policy.LOST_AFTER)
    assert post.job(job).state == ("cancelled" if after == "it was given up" else "held")
    assert verdict(post.deliver(job, ok("req-real"))) == "applied"
    now = post.job(job)
    assert (now.state, now.request_id, now.result_url) == ("rendered", "req-real", LINK)


@pytest.mark.parametrize("is_ours", [False, True])
@pytest.mark.parametrize("says", ["null", "error"])
def test_a_webhook_that_brings_no_file_tells_whom_to_ask_about_a_named_one(post, says, is_ours):
    job = named(post)
    if is_ours:
        ours(post, job)
    null = body_of("req-real", status="OK", payload=None, payload_error="too large")
    post.deliver(job, null if says == "null" else failed("req-real"))
    now = post.job(job)
    assert (now.state, now.request_id) == ("stored" if is_ours else "rendered", "req-real")
    assert now.due_at <= post.clock.now()


def test_control_a_take_that_the_provider_itself_finished_is_changed_by_no_later_webhook(post):
    job = post.made("queued")
    post.deliver(job)
    before = post.job(job)
    assert verdict(post.deliver(job, ok(job.request_id, f"{LINK}?other"))) == "conflict"
    assert post.job(job).outputs == before.outputs


def test_only_a_held_take_or_one_whose_named_link_has_not_come_takes_a_link(post):
    for state in ("created", "queued", "rendered", "stored", "cancelled"):
        with pytest.raises(StateConflict):
            choices.name_link(post.deps, ANA, post.made(state).id, LINK)
    held = post.made("held")
    held_choices.give_up(post.deps, ANA, held.id)
    with pytest.raises(StateConflict):
        choices.name_link(post.deps, ANA, held.id, LINK)
