"""The blocking provider: one call that stays open, apart from any request, and never made twice.

What its refusals and lost answers do is asked in test_submit, of both providers.
"""

import threading

import pytest
from pydantic import SecretStr

from backend.bootstrap import build_deps
from backend.domain.errors import InvalidRequest
from backend.providers.blackbox import find_video_link
from backend.services.gallery import takes as gallery
from backend.services.takes import photos
from tests.services.client import picture
from tests.waiting import eventually
from tests.world import ANA, BLOCKING, World


@pytest.fixture
def world(blocking_deps, sim):
    return World(blocking_deps, sim)


def ask(world, prompt="A calm sea", **more):
    return world.ask(prompt, model=BLOCKING, **more)


def test_a_take_of_the_blocking_provider_comes_home_like_any_other(world):
    job = world.until(ask(world), "stored")
    assert world.history(job) == ["created", "submitting", "rendered", "stored"]
    assert world.take(job).video.size_bytes > 0
    assert world.posts == 1


@pytest.mark.parametrize("marker", ["error=500", "no-video"])
def test_an_error_in_a_200_or_an_answer_without_a_link_is_failed_with_what_came_instead(world, marker):
    job = world.look(ask(world, f"[sim:{marker}]"))
    assert job.state == "failed"
    assert job.error["detail"]
    assert world.posts == 1


def test_calls_beyond_the_limit_wait_in_line_and_nothing_else_waits_for_them(world):
    jobs = [ask(world, f"Take {number} [sim:slow=2]") for number in range(4)]
    threads = [threading.Thread(target=world.another().look, args=(job,)) for job in jobs[:2]]
    for thread in threads:
        thread.start()
    eventually(lambda: all(world.job(job).state == "submitting" for job in jobs[:2]))
    assert world.look(jobs[2]).state == "created"
    assert [gallery.queue_position(world.deps, world.job(job)) for job in jobs[2:]] == [0, 1]
    world.until(world.ask("Not Blackbox [sim:never]"), "stored")
    for thread in threads:
        thread.join()
    world.until(jobs[2], "stored")
    assert world.posts == 4


def test_a_photo_travels_inside_the_call(world):
    upload = photos.create_upload(world.deps, ANA, picture(), file_name="x.jpg")
    world.until(ask(world, image=upload.id), "stored")
    (post,) = world.ledger()["posts"]
    text, photo = post["input"]["messages"][0]["content"]
    assert text == {"type": "text", "text": "A calm sea"}
    assert photo["image_url"]["url"].startswith("data:image/jpeg;base64,")


def test_without_a_key_its_models_are_shown_and_can_not_be_used(deps, sim):
    settings = deps.settings.model_copy(update={"blackbox_api_key": SecretStr("")})
    keyless = World(build_deps(settings), sim)
    model = keyless.deps.catalogue.get(BLOCKING)
    assert (model.usable, model.reason) == (False, "BLACKBOX_API_KEY is not set")
    with pytest.raises(InvalidRequest) as refused:
        ask(keyless)
    assert set(refused.value.fields) == {"model"}


def says(content):
    return {"choices": [{"message": {"content": content}}]}


LINK = "https://a.example/v.mp4"


@pytest.mark.parametrize(
    ("answer", "link"),
    [
        (says(LINK), LINK),
        (says(f"Here: [video]({LINK})."), LINK),
        (says(f"See https://a.example/page and {LINK}?x=1"), f"{LINK}?x=1"),
        (says([{"type": "video_url", "video_url": {"url": "https://a.example/v"}}]), "https://a.example/v"),
        ({"video_url": LINK}, LINK),
        ({"data": {"video_url": LINK}}, LINK),
        ({"data": [{"url": LINK}]}, LINK),
        (says("None"), None),
        ({"choices": "None", "usage": {}}, None),
    ],
)
def test_the_link_is_read_from_every_documented_place(answer, link):
    assert find_video_link(answer) == link


def test_a_call_that_is_answered_after_its_lease_was_lost_is_kept(world):
    job, frozen = ask(world, "[sim:slow=1]"), world.another()
    thread = threading.Thread(target=frozen.look, args=(job,))
    thread.start()
    eventually(lambda: world.job(job).state == "submitting")
    (claim,) = frozen.claims.active_claims()
    world.cut_off(claim)
    assert world.look(job).state == "held"
    thread.join()
    world.until(job, "stored")
    assert world.posts == 1
