"""What can be made to go wrong: with the submit, the run, the questions, the result, the download."""

import re
import time
from collections import deque

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
        ("http=422", False, (422, None, '"detail"')),
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


def test_an_id_can_come_twice(sim):
    one, two = sim.submit(), sim.submit("second [sim:dup-id]")
    assert two["request_id"] == one["request_id"]
    assert sim.ledger()["accepted"] == 1


def test_a_marker_may_count_for_the_first_posts_only(sim):
    codes = [sim.post("again [sim:http=429 times=2]").status_code for _ in range(3)]
    assert codes == [429, 429, 200]


# -- the run and the result


@pytest.mark.parametrize(
    ("fault", "code", "says", "error", "billed"),
    [
        ("error=422", 422, "content_policy_violation", "Invalid status code: 422", 0),
        ("error=500", 500, "internal_server_error", "Invalid status code: 500", 0),
        ("expired", 404, "not found or expired", None, 1),
        ("no-video", 200, "Path / not found", None, 1),
    ],
)
def test_a_request_can_end_without_a_video(sim, fault, code, says, error, billed):
    receipt = sim.submit(f"silk [sim:{fault}]")
    result, status = sim.result(receipt), sim.status(receipt)
    assert (result.status_code, status["status"], status.get("error")) == (code, "COMPLETED", error)
    assert says in result.text
    assert "media" not in result.text
    assert sim.ledger()["billed"] == billed


def test_a_slow_run_is_slow_and_a_stuck_one_never_ends(sim):
    stuck, slow = (sim.submit(f"silk [sim:{fault}]") for fault in ("stuck", "slow=0.5"))
    sim.result(slow)
    of_slow = sim.ledger()["requests"][1]
    assert of_slow["ended_at"] - of_slow["started_at"] >= 0.5
    assert sim.status(stuck)["status"] == "IN_PROGRESS"


def test_a_video_may_come_in_spite_of_a_cancel(sim):
    receipt = sim.submit("silk [sim:cancel-ignored]")
    assert sim.cancel(receipt) == (202, "CANCELLATION_REQUESTED")
    assert sim.result(receipt).json()["video"]["url"]


def test_questions_can_fail_for_a_while(sim):
    receipt = sim.submit("silk [sim:poll-500=2]")
    assert [sim.get(receipt["status_url"]).status_code for _ in range(2)] == [500, 500]
    assert sim.result(receipt).status_code == 200


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


@pytest.mark.parametrize(("fault", "code"), [("media-404", 404), ("media-500", 500), ("media-html", 200)])
def test_a_download_can_fail_for_a_while(sim, fault, code):
    url = sim.made(f"silk [sim:{fault}=2]")["video"]["url"]
    answers = [download(sim, url) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [code, code, 200]
    kinds = [answer.headers["Content-Type"].split(";")[0] for answer in answers]
    assert kinds == ["text/html", "text/html", "video/mp4"]


def test_a_download_can_be_cut_and_then_resumed(sim):
    video = sim.made("silk [sim:media-cut=1]")["video"]
    with sim.get(video["url"], stream=True) as answer:
        assert int(answer.headers["Content-Length"]) == video["file_size"]
        received = bytearray()
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            deque(map(received.extend, answer.iter_content(1000)))
    rest = download(sim, video["url"], Range=f"bytes={len(received)}-")
    assert 0.5 < len(received) / video["file_size"] <= 0.67
    assert len(received) + len(rest.content) == video["file_size"]


def test_a_file_can_be_short_with_lengths_that_agree(sim):
    short = sim.made("silk [sim:media-short]", seed=11)["video"]
    whole = sim.made("silk", seed=11)["video"]
    assert len(download(sim, short["url"]).content) == short["file_size"] == whole["file_size"] * 2 // 3


def test_a_server_can_know_no_ranges(sim):
    answer = download(sim, sim.made("silk [sim:media-no-range]")["video"]["url"], Range="bytes=100-")
    assert answer.status_code == 200
    assert {"ETag", "Accept-Ranges", "Last-Modified"}.isdisjoint(answer.headers)


def test_a_download_can_be_slow(sim):
    video = sim.made("silk [sim:media-slow=200]")["video"]
    began = time.monotonic()
    assert len(download(sim, video["url"]).content) == video["file_size"]
    assert time.monotonic() - began > video["file_size"] / 200_000 * 0.9


def test_a_file_can_be_big_and_still_a_whole_video(sim):
    video = sim.made("silk [sim:media-big=3]")["video"]
    content = download(sim, video["url"]).content
    assert len(content) == video["file_size"] == 3_000_000
    assert download(sim, video["url"], Range="bytes=2999990-").content == bytes(10)
    assert len(frames(content)) == 12


# -- asked for from outside


def test_faults_can_be_asked_for_from_outside_and_cleared(sim):
    told = sim.add_rule("http=429", "retry-after=3", match="outside", times=1)
    (listed,) = sim.get("/sim/faults").json()["rules"]
    codes = [sim.post(prompt).status_code for prompt in ("inside", "outside", "outside")]
    assert (told.status_code, listed["faults"]) == (201, {"http": "429", "retry-after": "3"})
    assert codes == [200, 429, 200]

    sim.add_rule("http=500", match=None)
    assert (sim.post().status_code, sim.call("DELETE", "/sim/faults").ok) == (500, True)
    assert sim.post().status_code == 200


def test_nonsense_is_refused_by_name(sim):
    bad = sim.add_rule("explode")
    assert (bad.status_code, bad.json()["error"]) == (400, "there is no fault 'explode'")


def test_the_faults_of_one_request_can_be_changed(sim):
    receipt = sim.submit("silk [sim:stuck]")
    changed = sim.call("POST", f"/sim/requests/{receipt['request_id']}/faults", json={"faults": ["no-video"]})
    assert changed.status_code == 200
    assert sim.result(receipt).json() == {"detail": "Path / not found"}
