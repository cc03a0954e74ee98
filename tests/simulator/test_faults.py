"""What can be made to go wrong: with the submit, the run, the questions, the result, the download."""

import re
import time

import pytest
import requests

from tests.simulator.client import KEY, frames
from tests.waiting import eventually

# -- the submit


@pytest.mark.parametrize(
    ("fault", "accepted", "answer"),
    [
        ("lost-answer", True, None),
        ("half-answer", True, None),
        ("stall=60", True, None),
        ("garbage", True, (200, None, "^OK ")),
        ("proxy=502", False, (502, None, "nginx")),
        ("proxy=504 accepted", True, (504, None, "nginx")),
        ("http=429 retry-after=2", False, (429, "2", '"detail"')),
        ("http=401", False, (401, None, '"detail"')),
        ("http=500", False, (500, None, '"detail"')),
    ],
)
def test_every_way_to_lose_an_answer_is_in_the_ledger_and_billed_if_accepted(
    sim, receiver, fault, accepted, answer
):
    body, patience_s = {"prompt": f"lost [sim:{fault}]"}, 0.5 if "stall" in fault else 10
    try:
        told = sim.call("POST", f"/a/b?fal_webhook={receiver.url}", json=body, timeout=patience_s)
    except requests.RequestException:
        assert answer is None
    else:
        assert (told.status_code, told.headers.get("Retry-After")) == answer[:2]
        assert re.search(answer[2], told.text)
    (post,) = eventually(lambda: [post for post in sim.ledger()["posts"] if post["answer"]])
    assert post["accepted"] == accepted
    assert [told["status"] for told in receiver.bodies(accepted)] == ["OK"] * accepted
    ledger = sim.ledger()
    assert len(ledger["requests"]) == ledger["accepted"] == ledger["billed"] == accepted


def test_faults_are_asked_for_by_a_marker_or_from_outside_for_some_posts_or_until_cleared(sim):
    def codes(*prompts):
        return [sim.post(prompt).status_code for prompt in prompts]

    assert codes(*["again [sim:http=429 times=2]"] * 3) == [429, 429, 200]

    assert sim.add_rule("http=429", "retry-after=3", match="outside", times=1).status_code == 201
    (listed,) = sim.get("/sim/faults").json()["rules"]
    assert listed["faults"] == {"http": "429", "retry-after": "3"}
    assert codes("inside", "outside", "outside") == [200, 429, 200]

    sim.add_rule("http=500", match=None)
    assert codes("any") == [500]
    sim.call("DELETE", "/sim/faults")
    assert codes("any") == [200]

    nonsense = sim.add_rule("explode")
    assert (nonsense.status_code, nonsense.json()["error"]) == (400, "there is no fault 'explode'")


# -- the download


def download(sim, url, **headers):
    return sim.get(url, headers=headers)


def test_a_download_can_be_resumed_where_it_stopped(sim):
    url = sim.made()["video"]["url"]
    whole = download(sim, url, **KEY)
    tag = whole.headers["ETag"]
    rest = download(sim, url, **{"Range": "bytes=100-", "If-Range": tag})
    changed = download(sim, url, **{"Range": "bytes=100-", "If-Range": '"other"'})

    assert not tag.startswith("W/")
    assert (rest.status_code, rest.content) == (206, whole.content[100:])
    assert rest.headers["Content-Range"] == f"bytes 100-{len(whole.content) - 1}/{len(whole.content)}"
    assert (changed.status_code, changed.content) == (200, whole.content)
    assert download(sim, url, Range="bytes=99999999-").status_code == 416
    assert [d["authorization"] for d in sim.ledger()["downloads"]] == [True, False, False]


def test_a_file_can_be_short_or_big_or_slow_or_without_ranges_with_lengths_that_agree(sim):
    def downloaded(fault="", **headers):
        video = sim.made(f"silk {fault}", seed=11)["video"]
        answer = download(sim, video["url"], **headers)
        assert (answer.status_code, len(answer.content)) == (200, video["file_size"])
        return answer

    whole = downloaded().content
    assert downloaded("[sim:media-short]").content == whole[: len(whole) * 2 // 3]

    big = downloaded("[sim:media-big=3]").content
    assert (len(big), big[-10:], len(frames(big))) == (3_000_000, bytes(10), 6)

    began = time.monotonic()
    assert downloaded("[sim:media-slow=200]").content == whole
    assert time.monotonic() - began > len(whole) / 200_000 * 0.9

    no_ranges = downloaded("[sim:media-no-range]", Range="bytes=100-")
    assert {"ETag", "Accept-Ranges", "Last-Modified"}.isdisjoint(no_ranges.headers)
