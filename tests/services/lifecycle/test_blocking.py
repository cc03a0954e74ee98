"""The blocking provider: one call that stays open, apart from any request, and never made twice.

What its refusals and lost answers do is asked in test_submit, of both providers; how many calls may stay
open, and who waits for them meanwhile, of whole processes (tests/e2e/stories/test_blocking.py).
"""

import json
import threading

import pytest
from pydantic import SecretStr

from backend.bootstrap import build_deps
from backend.domain.errors import InvalidRequest
from backend.providers import blackbox
from backend.providers.base import Unclear
from backend.providers.blackbox import find_links
from backend.services.gallery import takes as gallery
from tests.waiting import eventually
from tests.world import BLOCKING, World


def ask(world, prompt="A calm sea", **more):
    return world.ask(prompt, model=BLOCKING, **more)


@pytest.mark.parametrize("marker", ["error=500", "no-video"])
def test_an_error_in_a_200_or_an_answer_without_a_link_is_failed_with_what_came_instead(world, marker):
    job = world.look(ask(world, f"[sim:{marker}]"))
    assert job.state == "failed"
    assert job.error["detail"]
    assert world.posts == 1


def test_a_take_comes_home_like_any_other_and_its_photo_travels_inside_the_call(world):
    job = world.until(ask(world, image=world.photo()), "stored")
    assert world.history(job) == ["created", "submitting", "rendered", "stored"]
    assert world.take(job).video.size_bytes > 0
    (post,) = world.ledger()["posts"]
    text, photo = post["input"]["messages"][0]["content"]
    assert text == {"type": "text", "text": "A calm sea"}
    assert photo["image_url"]["url"].startswith("data:image/jpeg;base64,")


def test_takes_that_wait_for_a_call_know_their_place_in_line(world):
    jobs = [ask(world, f"Take {number}") for number in range(3)]
    world.ask("Not in that line")
    assert [gallery.queue_position(world.deps, job) for job in jobs] == [0, 1, 2]
    assert world.look(jobs[0]).state == "rendered"
    assert [gallery.queue_position(world.deps, job) for job in jobs[1:]] == [0, 1]


def test_without_a_key_its_models_are_shown_and_can_not_be_used(deps, sim):
    settings = deps.settings.model_copy(update={"blackbox_api_key": SecretStr("")})
    keyless = World(build_deps(settings), sim)
    model = keyless.deps.catalogue.get(BLOCKING)
    assert (model.usable, model.reason) == (False, "no key for it is set here")
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
        (says(f"Two: {LINK}, https://a.example/w.webm"), f"{LINK} https://a.example/w.webm"),
        (says([{"type": "video_url", "video_url": {"url": "https://a.example/v"}}]), "https://a.example/v"),
        ({"video_url": LINK}, LINK),
        ({"data": {"video_url": LINK}}, LINK),
        ({"data": [{"url": LINK}]}, LINK),
        (says("None"), ""),
        ({"choices": "None", "usage": {}}, ""),
    ],
)
def test_the_links_are_read_from_every_documented_place(answer, link):
    assert " ".join(file.url for file in find_links(answer)) == link


def test_data_that_cannot_be_read_are_a_persons_to_judge_and_no_failure():
    answer = json.dumps(says("data:video/mp4;base64,@@@@")).encode()
    assert isinstance(blackbox._outcome(200, answer), Unclear)


def test_a_call_that_is_answered_after_its_lease_was_lost_is_kept(world):
    job, frozen = ask(world, "[sim:stuck]"), world.another()
    thread = threading.Thread(target=frozen.look, args=(job,))
    thread.start()
    eventually(lambda: world.job(job).state == "submitting")
    (claim,) = frozen.claims.active_claims()
    world.cut_off(claim)
    assert world.look(job).state == "held"
    (call,) = eventually(lambda: world.ledger()["requests"])
    world.set_faults(call["request_id"])
    thread.join()
    world.until(job, "stored")
    assert world.posts == 1
