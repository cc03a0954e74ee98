"""The blocking provider: one call that stays open, apart from any request, and never made twice."""

import threading

import pytest

from backend.services.gallery import takes as gallery
from backend.services.takes import held_choices
from tests.waiting import eventually
from tests.world import ANA, World

MODEL = "blackboxai/google/veo-3-fast"


@pytest.fixture
def world(blocking_deps, sim):
    return World(blocking_deps, sim)


def ask(world, prompt="A calm sea", **more):
    return world.ask(prompt, model=MODEL, **more)


def calls(world) -> int:
    return len(world.ledger()["posts"])


def test_a_take_of_the_blocking_provider_comes_home_like_any_other(world):
    job = world.until(ask(world), "stored")
    assert world.history(job) == ["created", "submitting", "rendered", "stored"]
    assert world.take(job).video.size_bytes > 0
    assert calls(world) == 1


def test_asking_takes_no_time_and_the_call_runs_elsewhere(world):
    job = ask(world, "[sim:slow=2]")
    thread = threading.Thread(target=world.look, args=(job,))
    thread.start()
    during = eventually(lambda: world.job(job).state == "submitting" and world.job(job))
    assert gallery.get_take(world.deps, ANA, job.id).elapsed_s(world.deps.clock.now()) >= 0
    assert during.claimed_by
    thread.join(30)
    assert world.job(job).state == "rendered"


@pytest.mark.parametrize("status", [400, 401, 402, 403, 429])
def test_a_definite_refusal_fails_with_its_reason_after_one_call(world, status):
    job = world.look(ask(world, f"[sim:http={status}]"))
    assert job.state == "failed"
    assert job.error["charged"] == "no"
    assert job.error["message"]
    world.hurry(job)
    world.look(job)
    assert calls(world) == 1


@pytest.mark.parametrize("marker", ["error=500", "no-video"])
def test_an_error_in_a_200_or_an_answer_without_a_link_is_failed_with_what_came_instead(world, marker):
    job = world.look(ask(world, f"[sim:{marker}]"))
    assert job.state == "failed"
    assert job.error["detail"]
    assert calls(world) == 1


@pytest.mark.parametrize("marker", ["lost-answer", "half-answer", "proxy=502", "garbage"])
def test_a_lost_answer_is_held_as_maybe_charged_and_the_call_is_never_made_again(world, marker):
    job = world.look(ask(world, f"[sim:{marker}]"))
    assert job.state == "held"
    assert job.error["charged"] == "maybe"
    assert "charged" in job.error["message"] or "accepted" in job.error["message"]
    for _ in range(3):
        world.hurry(job)
        assert world.look(job).state == "held"
    assert calls(world) == 1


def test_a_call_that_takes_too_long_is_held(blocking_deps, sim):
    from dataclasses import replace

    from backend.providers.blackbox import BlackboxProvider

    quick = BlackboxProvider(key="k", url=f"{sim.url}/blackbox", timeout_s=0.5)
    world = World(replace(blocking_deps, providers={"blackbox": quick}), sim)
    job = world.look(ask(world, "[sim:stall=5]"))
    assert job.state == "held"
    assert calls(world) == 1


def test_a_provider_that_can_not_be_reached_was_paid_nothing(blocking_deps, sim):
    from dataclasses import replace

    from backend.providers.blackbox import BlackboxProvider

    away = BlackboxProvider(key="k", url="http://127.0.0.1:1", timeout_s=5)
    world = World(replace(blocking_deps, providers={"blackbox": away}), sim)
    job = world.look(ask(world))
    assert job.state == "created"
    assert job.error["charged"] == "no"


def test_a_person_sends_a_held_take_again_as_a_new_one(world):
    job = world.look(ask(world, "[sim:lost-answer times=1]"))
    again = held_choices.send_again(world.deps, ANA, job.id)
    world.until(again, "stored")
    assert calls(world) == 2


def test_calls_beyond_the_limit_wait_in_line_and_nothing_else_waits_for_them(world):
    jobs = [ask(world, f"Take {number} [sim:slow=2]") for number in range(4)]
    threads = [threading.Thread(target=World(world.deps, world.sim).look, args=(job,)) for job in jobs[:2]]
    for thread in threads:
        thread.start()
    eventually(lambda: all(world.job(job).state == "submitting" for job in jobs[:2]))
    assert world.look(jobs[2]).state == "created"
    assert gallery.queue_position(world.deps, world.job(jobs[2])) == 0
    assert gallery.queue_position(world.deps, world.job(jobs[3])) == 1
    fal = world.until(world.ask("Not Blackbox [sim:never]"), "stored")
    assert fal.state == "stored"
    for thread in threads:
        thread.join(30)
    world.until(jobs[2], "stored")
    assert calls(world) == 4


def test_a_photo_travels_inside_the_call(world):
    import io

    from PIL import Image

    from backend.services.takes import photos

    raw = io.BytesIO()
    Image.new("RGB", (320, 240), "teal").save(raw, "JPEG")
    upload = photos.create_upload(world.deps, ANA, raw.getvalue(), file_name="x.jpg")
    world.until(ask(world, image=upload.id), "stored")
    (post,) = world.ledger()["posts"]
    text, photo = post["input"]["messages"][0]["content"]
    assert text == {"type": "text", "text": "A calm sea"}
    assert photo["image_url"]["url"].startswith("data:image/jpeg;base64,")


def test_without_a_key_its_models_are_shown_and_can_not_be_used(deps, sim):
    from pydantic import SecretStr

    from backend.bootstrap import build_deps
    from backend.domain.errors import InvalidRequest

    settings = deps.settings.model_copy(update={"blackbox_api_key": SecretStr("")})
    keyless = World(build_deps(settings), sim)
    model = keyless.deps.catalogue.get(MODEL)
    assert (model.usable, model.reason) == (False, "BLACKBOX_API_KEY is not set")
    with pytest.raises(InvalidRequest) as refused:
        ask(keyless)
    assert set(refused.value.fields) == {"model"}


@pytest.mark.parametrize(
    ("answer", "link"),
    [
        ({"choices": [{"message": {"content": "https://a.example/v.mp4"}}]}, "https://a.example/v.mp4"),
        (
            {"choices": [{"message": {"content": "Here: [video](https://a.example/v.mp4)."}}]},
            "https://a.example/v.mp4",
        ),
        (
            {
                "choices": [
                    {"message": {"content": "See https://a.example/page and https://a.example/v.mp4?x=1"}}
                ]
            },
            "https://a.example/v.mp4?x=1",
        ),
        (
            {
                "choices": [
                    {
                        "message": {
                            "content": [{"type": "video_url", "video_url": {"url": "https://a.example/v"}}]
                        }
                    }
                ]
            },
            "https://a.example/v",
        ),
        ({"video_url": "https://a.example/v.mp4"}, "https://a.example/v.mp4"),
        ({"data": {"video_url": "https://a.example/v.mp4"}}, "https://a.example/v.mp4"),
        ({"data": [{"url": "https://a.example/v.mp4"}]}, "https://a.example/v.mp4"),
        ({"choices": [{"message": {"content": "None"}}]}, None),
        ({"choices": "None", "usage": {}}, None),
    ],
)
def test_the_link_is_read_from_every_documented_place(answer, link):
    from backend.providers.blackbox import find_video_link

    assert find_video_link(answer) == link


def test_a_call_that_is_answered_after_its_lease_was_lost_is_kept(world):
    from datetime import timedelta

    from backend.store.jobs import claims

    job = ask(world, "[sim:slow=1]")
    frozen = World(world.deps, world.sim)
    thread = threading.Thread(target=frozen.look, args=(job,))
    thread.start()
    claim = eventually(lambda: next(iter(frozen.claims.active_claims()), None))
    eventually(lambda: world.job(job).state == "submitting")
    with world.deps.store.begin() as session:
        claims.renew_leases(session, [claim.lease_token], until=world.deps.clock.now() - timedelta(seconds=1))
    assert world.look(job).state == "held"
    thread.join(30)
    world.until(job, "stored")
    assert calls(world) == 1
