"""How long takes take: learnt from rendering alone, by model and length; the line before it is told apart."""

from datetime import timedelta

import pytest

from backend.models import Job
from backend.services.gallery.durations import (
    Busy,
    UsualTime,
    about,
    length_asked,
    line_words,
    slow_words,
    starts_in_s,
    usual_time,
    work_going_on,
)
from backend.services.lifecycle.poll import started_at
from backend.services.live.cards import card_json
from tests.services.conftest import installed
from tests.services.receiving import WAY
from tests.signing import FakeClock
from tests.world import ANA, BLOCKING, World

USUAL = UsualTime(45, 60, 70, 90, learnt=True)
#: Twenty minutes in a line, which is no part of what a take takes.
QUEUED_FOR = timedelta(minutes=20)


def rendered(
    still: World, clock: FakeClock, *took_s: float, seen_to_start: bool = True, **params: str
) -> Job:
    """Takes that waited in a line, and then rendered for so long; the last one."""
    for seconds in took_s:
        now = clock.now()
        job = still.ask(params={"duration": "5", **params})
        begun = now - timedelta(seconds=seconds)
        still.advance(
            job, *WAY["rendered"], rendered_at=now, started_at=begun if seen_to_start else None,
            submitted_at=begun - QUEUED_FOR if seen_to_start else begun,
        )  # fmt: skip
    clock.pass_s(60)  # what was learnt before is looked up anew
    return job


def test_what_is_usual_is_learnt_from_rendering_alone_not_from_the_line_before_it(still, clock):
    job = rendered(still, clock, *[45] * 4, *[55] * 12, *[70] * 4)
    usual = usual_time(still.deps, job.model, job.params)
    assert (usual.words, usual.learnt, usual.late_s) == ("0:45–1:10", True, 70)


def test_a_take_that_nobody_saw_start_counts_from_when_it_was_accepted(still, clock):
    job = rendered(still, clock, 30, 30, 30, seen_to_start=False)
    assert usual_time(still.deps, job.model, job.params).words == "0:30"


def test_each_length_has_its_own_time_and_another_ones_gives_an_estimate(still, clock):
    rendered(still, clock, 40, 40, 40)
    job = rendered(still, clock, 100, 100, 100, duration="10")
    words = {length: usual_time(still.deps, job.model, {"duration": length}).words for length in ("5", "10")}
    assert words == {"5": "0:40", "10": "1:40"}
    other = rendered(still, clock, 41, 41, 41, aspect_ratio="9:16")
    assert usual_time(still.deps, other.model, {"duration": "5"}).learnt
    assert usual_time(still.deps, "no/such-model", {}) is None


def test_two_takes_tell_nothing_yet_and_the_catalogue_gives_an_estimate(still, clock):
    job = rendered(still, clock, 500, 500)
    assert usual_time(still.deps, job.model, job.params).words.startswith("about ")


def test_a_take_that_waits_is_told_its_place_when_it_starts_and_what_comes_then(still, clock):
    rendered(still, clock, 50, 60, 70)
    for _ in range(4):
        still.advance(still.ask(), *WAY["running"], started_at=clock.now())
    waits = still.advance(still.ask(params={"duration": "5"}), *WAY["queued"], queue_position=32)
    clock.pass_s(60)
    card = card_json(still.deps, ANA, still.take(waits), clock.now())
    # 33 takes of a minute each, four at a time
    assert card["queue"] == "32 ahead · starts in about 8 min · then 0:52–1:08"
    assert (card["rendering_s"], card["slow"]) == (None, ""), "no bar moves while it waits"


def test_our_own_line_goes_on_as_calls_end_and_a_call_that_stays_open_renders(tmp_path, clock):
    with installed(tmp_path, clock, blackbox_api_key="sk-of-this-test") as deps:
        world = World(deps, sim=None)
        called = [world.advance(world.ask(model=BLOCKING), *WAY["submitting"]) for _ in range(2)]
        waits = [world.ask(model=BLOCKING) for _ in range(3)][-1]
        clock.pass_s(30)
        assert work_going_on(deps) == {Busy("blackbox", BLOCKING, "submitting"): 2}
        middle_s = usual_time(deps, BLOCKING).middle_s
        cards = [card_json(deps, ANA, world.take(job), clock.now()) for job in (waits, called[0])]
        assert cards[0]["queue"].startswith(
            f"2 ahead · starts in about {about(3 * middle_s / 2)} · then about "
        )
        assert [card["rendering_s"] for card in cards] == [None, 30]


def test_past_what_nearly_all_need_it_is_said_to_be_safe_and_when_it_is_asked_again(still, clock):
    rendered(still, clock, *[60] * 20)
    job = still.ask(params={"duration": "5"})
    still.advance(job, *WAY["running"], started_at=clock.now())
    on_time = card_json(still.deps, ANA, still.take(job), clock.now() + timedelta(seconds=59))
    late_at = clock.now() + timedelta(seconds=61)
    late = card_json(still.deps, ANA, still.take(job), late_at)
    assert (on_time["slow"], round(on_time["rendering_s"])) == ("", 59)
    assert late["slow"].startswith("slower than usual; still safe")


@pytest.mark.parametrize(("polls", "ahead", "since"), [(0, 0, 0), (0, None, 0), (0, 3, 60), (2, 0, 60)])
def test_a_first_look_that_finds_it_rendering_with_nobody_before_it_counts_from_when_it_was_accepted(
    clock, polls, ahead, since
):
    sent, now = clock.now(), clock.now() + timedelta(seconds=60)
    job = Job(id="a", owner="ana", provider="fal", model="m", prompt="", sent_prompt="", state="queued",
              state_at=sent, created_at=sent, submitted_at=sent, polls=polls,
              queue_position=ahead)  # fmt: skip
    assert (started_at(job, now) - sent).total_seconds() == since


@pytest.mark.parametrize(
    ("ahead", "starts_s", "usual", "words"),
    [
        (32, 125, USUAL, "32 ahead · starts in about 2 min · then 0:45–1:10"),
        (1, 24, USUAL, "1 ahead · starts in about 20 s · then 0:45–1:10"),
        (0, None, USUAL, "next to start · then 0:45–1:10"),
        (4000, None, None, "4,000 ahead"),
        (None, None, USUAL, "usually 0:45–1:10"), (None, None, None, ""),
    ],
)  # fmt: skip
def test_a_line_in_words(ahead, starts_s, usual, words):
    assert line_words(ahead, starts_s, usual) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "10 s"), (24, "20 s"), (54, "50 s"), (56, "1 min"), (125, "2 min"), (5300, "88 min"), (7300, "2 h")],
)  # fmt: skip
def test_a_time_to_come_is_told_as_exactly_as_it_can_be_known(seconds, words):
    assert about(seconds) == words


@pytest.mark.parametrize(
    ("params", "length"),
    [({"duration": "8s"}, 8), ({"duration": 6}, 6), ({"duration": "2.5"}, 2.5), ({}, 5),
     ({"duration": "auto"}, None), ({"duration": True}, None)],
)  # fmt: skip
def test_the_length_that_is_asked_for_is_read_however_a_model_writes_it(params, length):
    assert length_asked({"properties": {"duration": {"default": "5"}}}, params) == length


def test_when_a_take_starts_is_told_only_where_something_tells_it(clock):
    job = Job(id="a", owner="ana", provider="fal", model="m", prompt="", sent_prompt="", state="queued",
              state_at=clock.now(), created_at=clock.now())  # fmt: skip
    running = {Busy("fal", "m", "running"): 4, Busy("fal", "other", "running"): 40}
    assert starts_in_s(job, 7, USUAL, running) == 8 * 60 / 4
    assert [starts_in_s(job, 7, None, running), starts_in_s(job, 7, USUAL, {})] == [None, None]
    assert slow_words(clock.now() + timedelta(seconds=20), clock.now()).endswith("; asked again in 20 s")
    assert slow_words(None, clock.now()) == "slower than usual; still safe"
