"""The simulator, over real HTTP, asked by fal's own client and by plain requests."""

import base64
import hashlib
import io
import json
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import av
import fal_client
import fal_client.client as fal_globals
import numpy as np
import pytest
import requests
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from PIL import Image

from simulator.app import Simulator
from simulator.config import SimulatorConfig
from simulator.engine import faults, inputs
from simulator.paint.render import render
from simulator.server import listening
from tests.ports import reserved_port

APP = "fal-ai/kling-video/v2.5-turbo/pro/text-to-video"
KEY = {"Authorization": "Key demo:simulator"}
PATIENCE_S = 10.0


class Receiver:
    """An address for webhooks: keeps every delivery, answers as told (200 where nothing is told)."""

    def __init__(self) -> None:
        self.calls: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[int] = []
        self.release = threading.Event()
        self.release.set()
        self.changed = threading.Condition()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with receiver.changed:
                    receiver.calls.append(({k.lower(): v for k, v in self.headers.items()}, body))
                    code = receiver.answers.pop(0) if receiver.answers else 200
                    receiver.changed.notify_all()
                receiver.release.wait(PATIENCE_S)
                self.send_response(code)
                self.send_header("Content-Length", "0")
                if code == 302:
                    self.send_header("Location", receiver.url)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/webhook"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()

    def wait(self, count: int) -> list[tuple[dict[str, str], bytes]]:
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.calls) >= count, timeout=PATIENCE_S), self.calls
            return list(self.calls)

    def bodies(self, count: int) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.wait(count)]

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


def config(folder: Path, **more: Any) -> SimulatorConfig:
    settings: dict[str, Any] = {
        "pace": 0.01,
        "small": True,
        "at_once": 8,
        "webhook_retries_s": (1.0, 2.0),
        **more,
    }
    return SimulatorConfig(folder, **settings)


@pytest.fixture(scope="module")
def sim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    with listening(config(tmp_path_factory.mktemp("simulator"))) as running:
        yield running


@pytest.fixture
def fal(sim: Simulator, monkeypatch: pytest.MonkeyPatch) -> fal_client.SyncClient:
    monkeypatch.setattr(fal_globals, "MAX_ATTEMPTS", 1)
    monkeypatch.setattr(fal_globals, "QUEUE_URL_FORMAT", f"{sim.url}/")
    monkeypatch.setattr(fal_globals, "REST_URL", sim.url)
    monkeypatch.setattr(fal_globals, "CDN_URL", sim.url)
    return fal_client.SyncClient(key="demo:simulator")


def post(sim: Simulator, prompt: Any = "silk", **more: Any) -> requests.Response:
    webhook = more.pop("webhook", None)
    app = more.pop("app", APP)
    return requests.post(
        f"{sim.url}/{app}",
        json={"prompt": prompt, **more},
        params={"fal_webhook": webhook} if webhook else None,
        headers=KEY,
        timeout=PATIENCE_S,
    )


def get(url: str, **more: Any) -> requests.Response:
    more = {"headers": KEY, **more}
    return requests.get(url, timeout=PATIENCE_S, **more)


def until(look: Callable[[], Any], good: Callable[[Any], bool] = bool) -> Any:
    ends = time.monotonic() + PATIENCE_S
    while not good(value := look()):
        assert time.monotonic() < ends, value
        time.sleep(0.01)
    return value


def finished(sim: Simulator, receipt: dict[str, Any]) -> requests.Response:
    """The result, once the request is over."""
    assert sim.engine.wait_over(receipt["request_id"], PATIENCE_S)
    return get(receipt["response_url"])


def made(sim: Simulator, prompt: str = "silk", **more: Any) -> dict[str, Any]:
    """The output of a request that went well."""
    result = finished(sim, post(sim, prompt, **more).json())
    assert result.status_code == 200, result.text
    return dict(result.json())


def ledger(sim: Simulator, match: str | None = None) -> dict[str, Any]:
    return dict(get(f"{sim.url}/sim/ledger", params={"match": match} if match else None).json())


def genuine(sim: Simulator, headers: dict[str, str], body: bytes) -> bool:
    """What a receiver does with fal's key."""
    (key,) = get(f"{sim.url}/.well-known/jwks.json").json()["keys"]
    assert "=" not in key["x"]
    public = Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(key["x"] + "="))
    fields = [headers[f"x-fal-webhook-{name}"] for name in ("request-id", "user-id", "timestamp")]
    message = "\n".join([*fields, hashlib.sha256(body).hexdigest()]).encode()
    try:
        public.verify(bytes.fromhex(headers["x-fal-webhook-signature"]), message)
    except InvalidSignature:
        return False
    return True


# -- the queue


def test_fals_client_gets_a_video_from_submit_to_result(sim: Simulator, fal: fal_client.SyncClient) -> None:
    handle = fal.submit(APP, {"prompt": "A calm sea", "seed": 7})
    seen = [type(status) for status in handle.iter_events(with_logs=True, interval=0.01)]
    output = handle.get()
    video = output["video"]
    content = requests.get(video["url"], timeout=5).content

    assert seen[0] in (fal_client.Queued, fal_client.InProgress)
    assert seen[-1] is fal_client.Completed
    assert output["seed"] == 7
    assert len(content) == video["file_size"]
    assert content.index(b"moov") < content.index(b"mdat")
    with av.open(io.BytesIO(content)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert (stream.width, stream.height) == (video["width"], video["height"]) == (320, 180)
        assert float(stream.duration * stream.time_base) == pytest.approx(video["duration"], abs=0.01)
        assert sum(1 for _ in container.decode(video=0)) == video["num_frames"] == 12


def test_a_submit_is_answered_with_five_fields_and_urls_of_the_app_alone(sim: Simulator) -> None:
    answer = post(sim)
    receipt = answer.json()
    base = f"{sim.url}/fal-ai/kling-video/requests/{receipt['request_id']}"

    assert answer.status_code == 200
    assert receipt["response_url"] == base
    assert receipt["status_url"] == f"{base}/status"
    assert receipt["cancel_url"] == f"{base}/cancel"
    assert receipt["status"] == "IN_QUEUE"
    assert isinstance(receipt["queue_position"], int)
    assert receipt["request_id"][14] == "7"


def test_positions_fall_then_it_runs_then_it_is_over(tmp_path: Path) -> None:
    with listening(config(tmp_path, pace=0.06)) as sim:
        receipt = post(sim).json()
        seen: list[tuple[int, dict[str, Any]]] = []
        while not seen or seen[-1][0] == 202:
            answer = get(receipt["status_url"], params={"logs": "1"})
            seen.append((answer.status_code, answer.json()))

    words = [body["status"] for _, body in seen]
    positions = [body["queue_position"] for _, body in seen if body["status"] == "IN_QUEUE"]
    assert list(dict.fromkeys(words)) == ["IN_QUEUE", "IN_PROGRESS", "COMPLETED"]
    assert positions == sorted(positions, reverse=True)
    assert len(set(positions)) > 2
    assert all("logs" in body for _, body in seen)
    assert seen[-1][0] == 200
    assert seen[-1][1]["logs"]


def test_a_result_before_its_time_is_a_400(sim: Simulator) -> None:
    receipt = post(sim, "silk [sim:stuck]").json()
    answer = get(receipt["response_url"])
    assert (answer.status_code, answer.json()) == (400, {"detail": "Request is still in progress"})


def test_a_result_says_what_it_is_billed(sim: Simulator) -> None:
    receipt = post(sim, "billed", app="some/unpriced-model", duration="8s").json()
    answer = finished(sim, receipt)
    assert answer.headers["x-fal-billable-units"] == "8"
    assert answer.headers["x-fal-request-id"] == receipt["request_id"]


@pytest.mark.parametrize(
    "given", [{"prompt": ""}, {"prompt": "  "}, {}, {"prompt": 5}, {"prompt": "x", "seed": "y"}]
)
def test_a_bad_input_is_accepted_and_fails_as_the_models_own_422(
    sim: Simulator, given: dict[str, Any]
) -> None:
    answer = requests.post(f"{sim.url}/some/model", json=given, headers=KEY, timeout=5)
    result = finished(sim, answer.json())
    status = get(answer.json()["status_url"]).json()

    assert answer.status_code == 200
    assert result.status_code == 422
    assert result.json()["detail"][0]["loc"][0] == "body"
    assert (status["status"], status["error"]) == ("COMPLETED", "Invalid status code: 422")
    assert not ledger(sim, answer.json()["request_id"])["billed"]


def test_who_has_no_key_is_let_in_nowhere(sim: Simulator) -> None:
    receipt = post(sim, "keyless").json()
    answers = [
        requests.post(f"{sim.url}/{APP}", json={"prompt": "keyless"}, timeout=5),
        requests.get(receipt["status_url"], timeout=5),
        requests.get(receipt["response_url"], timeout=5),
        requests.put(receipt["cancel_url"], timeout=5),
        requests.get(f"{sim.url}/v1/models/pricing?endpoint_id={APP}", timeout=5),
        requests.post(f"{sim.url}/storage/auth/token", timeout=5),
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert [p["accepted"] for p in ledger(sim, "keyless")["posts"]] == [True, False]


def test_a_configured_key_is_the_only_one(tmp_path: Path) -> None:
    with listening(config(tmp_path, key="a:b")) as sim:
        assert post(sim).status_code == 401
        right = {"Authorization": "Key a:b"}
        answer = requests.post(f"{sim.url}/{APP}", json={"prompt": "x"}, headers=right, timeout=5)
        assert answer.status_code == 200


def test_cancels_are_answered_as_fal_does(sim: Simulator) -> None:
    def cancel(receipt: dict[str, Any]) -> tuple[int, Any]:
        answer = requests.put(receipt["cancel_url"], headers=KEY, timeout=5)
        return answer.status_code, answer.json()["status"]

    done = post(sim).json()
    finished(sim, done)
    running = post(sim, "silk [sim:stuck]").json()
    until(lambda: get(running["status_url"]).json()["status"], lambda word: word == "IN_PROGRESS")
    unknown = {"cancel_url": f"{sim.url}/a/b/requests/nobody/cancel"}

    assert cancel(done) == (400, "ALREADY_COMPLETED")
    assert cancel(running) == (202, "CANCELLATION_REQUESTED")
    assert cancel(unknown) == (404, "NOT_FOUND")
    assert get(running["status_url"]).json()["error_type"] == "client_cancelled"


def test_a_cancel_in_the_queue_takes_it_out(tmp_path: Path) -> None:
    with listening(config(tmp_path, pace=1.0)) as sim:
        receipt = post(sim).json()
        answer = requests.put(receipt["cancel_url"], headers=KEY, timeout=5)
        result = get(receipt["response_url"])
        assert (answer.status_code, answer.json()) == (200, {"status": "OK"})
        assert result.status_code == 499
        assert ledger(sim)["billed"] == 0


def test_a_result_is_forgotten_when_its_time_is_over(tmp_path: Path) -> None:
    with listening(config(tmp_path, result_ttl_s=0.0)) as sim:
        receipt = post(sim).json()
        assert finished(sim, receipt).status_code == 404
        assert get(receipt["status_url"]).json() == {"status": "NOT_FOUND"}


def test_a_status_can_be_streamed(sim: Simulator) -> None:
    receipt = post(sim).json()
    text = get(f"{receipt['status_url']}/stream").text
    last = json.loads(text.strip().rsplit("data: ", 1)[1])
    assert last["status"] == "COMPLETED"


def test_a_full_queue_refuses_who_asked_for_that(tmp_path: Path) -> None:
    with listening(config(tmp_path, pace=5.0)) as sim:
        post(sim)
        answer = requests.post(
            f"{sim.url}/{APP}?fal_max_queue_length=0", json={"prompt": "x"}, headers=KEY, timeout=5
        )
        assert answer.status_code == 429


# -- inputs and pictures


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        ({"duration": "5"}, 5),
        ({"duration": "8s"}, 8),
        ({"duration": 6}, 6),
        ({"duration": 2.5}, 2.5),
        ({"num_frames": 81, "fps": 27}, 3),
        ({"num_frames": 48, "frames_per_second": 24}, 2),
        ({"duration": "auto"}, 7),
        ({}, 7),
        ({"duration": True}, 7),
    ],
)
def test_a_duration_is_read_in_any_form(given: dict[str, Any], seconds: float) -> None:
    assert inputs.duration_s(given, default="7") == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("aspect", "wide"), [("16:9", 16 / 9), ("9:16", 9 / 16), ("1:1", 1), ("21:9", 21 / 9), ("auto", 16 / 9)]
)
def test_a_video_has_the_aspect_it_was_asked_for(aspect: str, wide: float) -> None:
    shape = inputs.shape({"aspect_ratio": aspect})
    assert shape.width / shape.height == pytest.approx(wide, rel=0.02)
    assert 480 <= max(shape.width, shape.height) <= 840
    assert shape.width % 4 == shape.height % 4 == 0


def photo(colour: str, size: tuple[int, int] = (90, 160)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, "PNG")
    return file.getvalue()


def uri(body: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(body).decode()}"


def frames(url: str) -> list[np.ndarray[Any, Any]]:
    with av.open(io.BytesIO(requests.get(url, timeout=5).content)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def test_an_uploaded_photo_is_what_the_video_shows(sim: Simulator, fal: fal_client.SyncClient) -> None:
    link = fal.upload(photo("#2040c0"), "image/png", file_name="blue photo.png")
    output = made(sim, "a move", image_url=link)
    red, _, blue = frames(output["video"]["url"])[8][20:100, 20:-20].mean(axis=(0, 1))

    assert requests.get(link, timeout=5).content == photo("#2040c0")
    assert requests.get(link, timeout=5).headers["Content-Type"] == "image/png"
    assert blue > red + 60
    assert output["video"]["height"] > output["video"]["width"]


def test_the_other_way_to_upload_works_too(sim: Simulator, fal: fal_client.SyncClient) -> None:
    link = fal.upload(b"as it is", "text/plain", file_name="a.txt", repository="fal")
    assert requests.get(link, timeout=5).content == b"as it is"


def test_two_photos_become_a_way_from_one_to_the_other(sim: Simulator) -> None:
    output = made(sim, "a move", start_image_url=uri(photo("#c02020")), tail_image_url=uri(photo("#2020c0")))
    shown = frames(output["video"]["url"])
    first, last = (shown[number][20:120, 20:-20].mean(axis=(0, 1)) for number in (2, -1))
    assert first[0] > first[2] + 40
    assert last[2] > last[0] + 60


@pytest.mark.parametrize(
    ("link", "kind"),
    [
        (uri(b"no picture"), "image_load_error"),
        (uri(photo("red")[:60]), "image_load_error"),
        ("data:image/png;base64,%%%", "image_load_error"),
        ("https://example.com/a.png", "file_download_error"),
        ("http://127.0.0.1:9/a.png", "file_download_error"),
    ],
)
def test_a_photo_that_cant_be_had_is_the_models_422(sim: Simulator, link: str, kind: str) -> None:
    result = finished(sim, post(sim, "x", image_url=link).json())
    assert (result.status_code, result.json()["detail"][0]["type"]) == (422, kind)


# -- rendering


def spec(path: Path, **more: Any) -> dict[str, Any]:
    size = {"duration_s": 0.5, "fps": 24, "width": 320, "height": 180, "first": None, "last": None}
    return {"path": str(path), "prompt": "silk at sunset, pan right", "seed": 3, **size, **more}


def test_the_same_words_and_seed_give_the_same_bytes_and_another_seed_gives_others(tmp_path: Path) -> None:
    again = [spec(tmp_path / "a.mp4"), spec(tmp_path / "b.mp4"), spec(tmp_path / "c.mp4", seed=4)]
    one, same, other = (Path(s["path"]).read_bytes() for s in again if render(s))
    assert one == same
    assert one != other


@pytest.mark.parametrize(
    "prompt",
    [
        "silk",
        "the ocean at dusk",
        "a forest in fog, orbit",
        "neon city, handheld",
        "galaxy",
        "noir satin, static",
    ],
)
def test_every_kind_of_scene_is_a_picture_that_moves(tmp_path: Path, prompt: str) -> None:
    render(spec(tmp_path / "a.mp4", prompt=prompt))
    with av.open(str(tmp_path / "a.mp4")) as container:
        shown = [frame.to_ndarray(format="gray").astype(int) for frame in container.decode(video=0)]
    assert len(shown) == 12
    assert shown[-1].std() > 8
    assert np.abs(shown[-1] - shown[2]).mean() > 0.7


def test_warm_words_are_warm_and_cold_words_are_cold(tmp_path: Path) -> None:
    def warmth(prompt: str) -> float:
        render(spec(tmp_path / "a.mp4", prompt=prompt))
        with av.open(str(tmp_path / "a.mp4")) as container:
            last = list(container.decode(video=0))[-1].to_ndarray(format="rgb24").astype(float)
        return float((last[..., 0] - last[..., 2]).mean())

    assert warmth("hills at sunset") > 20
    assert warmth("hills in the snow") < -5


def test_a_seed_that_nobody_gave_is_told(sim: Simulator) -> None:
    one, other = made(sim, "unseeded"), made(sim, "unseeded")
    assert isinstance(one["seed"], int)
    assert one["seed"] != other["seed"]


# -- webhooks


def test_a_webhook_is_signed_as_fal_signs_it(sim: Simulator, receiver: Receiver) -> None:
    receipt = post(sim, webhook=receiver.url).json()
    ((headers, body),) = receiver.wait(1)
    told = json.loads(body)

    assert genuine(sim, headers, body)
    assert not genuine(sim, headers, body + b" ")
    assert headers["x-fal-webhook-user-id"] == sim.config.user_id
    assert abs(int(headers["x-fal-webhook-timestamp"]) - time.time()) < 30
    assert headers["x-fal-webhook-request-id"] == told["request_id"] == receipt["request_id"]
    assert told["status"] == "OK"
    assert told["payload"] == finished(sim, receipt).json()


def test_a_failure_is_told_by_webhook_with_its_detail(sim: Simulator, receiver: Receiver) -> None:
    post(sim, "silk [sim:error=422]", webhook=receiver.url)
    (told,) = receiver.bodies(1)
    assert (told["status"], told["error"]) == ("ERROR", "Invalid status code: 422")
    assert told["payload"]["detail"][0]["type"] == "content_policy_violation"


def test_a_webhook_is_tried_until_it_is_acknowledged(sim: Simulator, receiver: Receiver) -> None:
    receiver.answers = [503, 500, 204]
    receipt = post(sim, webhook=receiver.url).json()
    receiver.wait(3)
    (owed,) = until(
        lambda: ledger(sim, receiver.url)["deliveries"], lambda found: bool(found) and found[0]["done"]
    )
    assert [attempt["status"] for attempt in owed["attempts"]] == [503, 500, 204]
    assert owed["request_id"] == receipt["request_id"]


def test_a_redirect_ends_a_webhook_for_good(sim: Simulator, receiver: Receiver) -> None:
    receiver.answers = [302]
    post(sim, webhook=receiver.url)
    (owed,) = until(
        lambda: ledger(sim, receiver.url)["deliveries"], lambda found: bool(found) and found[0]["done"]
    )
    assert [attempt["status"] for attempt in owed["attempts"]] == [302]


def deliveries(sim: Simulator, receiver: Receiver, fault: str, count: int) -> list[dict[str, Any]]:
    post(sim, f"silk [sim:{fault}]", webhook=receiver.url)
    return receiver.bodies(count)


def test_an_early_webhook_is_acknowledged_before_the_submit_is_answered(
    sim: Simulator, receiver: Receiver
) -> None:
    receiver.release.clear()
    answers: list[requests.Response] = []
    submit = threading.Thread(
        target=lambda: answers.append(post(sim, "silk [sim:early]", webhook=receiver.url))
    )
    submit.start()
    ((_, body),) = receiver.wait(1)
    submit.join(0.2)
    assert answers == []

    receiver.release.set()
    submit.join(PATIENCE_S)
    assert json.loads(body)["request_id"] == answers[0].json()["request_id"]


def test_a_late_webhook_is_late_and_another_never_comes(sim: Simulator, receiver: Receiver) -> None:
    never = post(sim, "silk [sim:never]", webhook=receiver.url).json()
    late = post(sim, "silk [sim:late=0.4]", webhook=receiver.url).json()
    finished(sim, late)
    finished(sim, never)
    assert receiver.calls == []
    assert [told["request_id"] for told in receiver.bodies(1)] == [late["request_id"]]
    owed = ledger(sim, receiver.url)["deliveries"]
    assert [delivery["request_id"] for delivery in owed] == [late["request_id"]]


def test_a_webhook_can_come_several_times(sim: Simulator, receiver: Receiver) -> None:
    told = deliveries(sim, receiver, "duplicated=3", 3)
    assert told[0] == told[1] == told[2]


def test_a_webhook_can_lack_its_payload(sim: Simulator, receiver: Receiver) -> None:
    (told,) = deliveries(sim, receiver, "null-payload", 1)
    assert told["payload"] is None
    assert told["payload_error"]


def test_a_webhook_can_be_stale(sim: Simulator, receiver: Receiver) -> None:
    deliveries(sim, receiver, "stale", 1)
    headers, body = receiver.calls[0]
    assert genuine(sim, headers, body)
    assert time.time() - int(headers["x-fal-webhook-timestamp"]) > 500


def test_a_forged_webhook_comes_before_the_real_one(sim: Simulator, receiver: Receiver) -> None:
    receiver.answers = [401]
    deliveries(sim, receiver, "forged", 2)
    assert [genuine(sim, *call) for call in receiver.calls] == [False, True]


def test_a_foreign_webhook_is_genuine_and_of_another_account(sim: Simulator, receiver: Receiver) -> None:
    deliveries(sim, receiver, "foreign", 1)
    headers, body = receiver.calls[0]
    assert genuine(sim, headers, body)
    assert headers["x-fal-webhook-user-id"] != sim.config.user_id


@pytest.mark.parametrize(
    ("fault", "told"), [("error-then-ok", ["ERROR", "OK"]), ("ok-then-error", ["OK", "ERROR"])]
)
def test_webhooks_can_contradict_each_other(
    sim: Simulator, receiver: Receiver, fault: str, told: list[str]
) -> None:
    assert [body["status"] for body in deliveries(sim, receiver, fault, 2)] == told


def test_a_webhook_can_say_a_new_word(sim: Simulator, receiver: Receiver) -> None:
    assert deliveries(sim, receiver, "new-status", 1)[0]["status"] not in ("OK", "ERROR")


# -- faults of the submit


@pytest.mark.parametrize(
    ("fault", "accepted"),
    [
        ("lost-answer", True),
        ("half-answer", True),
        ("stall=0.5", True),
        ("garbage", True),
        ("proxy=502", False),
        ("proxy=504 accepted", True),
        ("http=429 retry-after=2", False),
        ("http=401", False),
        ("http=422", False),
        ("http=500", False),
    ],
)
def test_every_way_to_lose_an_answer_is_in_the_ledger(sim: Simulator, fault: str, accepted: bool) -> None:
    prompt = f"lost {fault} [sim:{fault}]"
    try:
        answer = requests.post(f"{sim.url}/{APP}", json={"prompt": prompt}, headers=KEY, timeout=0.25)
        told = answer.status_code, answer.headers, answer.text
    except requests.RequestException as error:
        told = 0, {}, type(error).__name__
    seen = until(lambda: ledger(sim, prompt), lambda found: bool(found["posts"][0]["answer"]))

    assert [entry["accepted"] for entry in seen["posts"]] == [accepted]
    assert len(seen["requests"]) == seen["accepted"] == int(accepted)
    name, _, value = fault.split()[0].partition("=")
    if name == "http":
        assert told[0] == int(value)
        assert "detail" in json.loads(told[2])
        assert told[1].get("Retry-After") == ("2" if value == "429" else None)
    elif name == "proxy":
        assert told[0] == int(value)
        assert "nginx" in told[2]
    elif name == "garbage":
        assert told[0] == 200
        with pytest.raises(json.JSONDecodeError):
            json.loads(told[2])
    else:
        assert told[0] == 0


def test_what_was_accepted_without_an_answer_is_rendered_and_paid(sim: Simulator, receiver: Receiver) -> None:
    with pytest.raises(requests.ConnectionError):
        post(sim, "paid [sim:lost-answer]", webhook=receiver.url)
    (told,) = receiver.bodies(1)
    assert told["status"] == "OK"
    assert ledger(sim, receiver.url)["billed"] == 1


def test_an_id_can_come_twice(sim: Simulator) -> None:
    one = post(sim, "first of two").json()
    two = post(sim, "second of two [sim:dup-id]").json()
    assert two["request_id"] == one["request_id"]
    assert ledger(sim, "second of two")["accepted"] == 0


def test_a_marker_may_count_for_the_first_posts_only(sim: Simulator) -> None:
    codes = [post(sim, "again [sim:http=429 times=2]").status_code for _ in range(3)]
    assert codes == [429, 429, 200]


# -- faults of the run and of the result


def test_a_request_can_go_back_into_the_queue(tmp_path: Path) -> None:
    with listening(config(tmp_path, pace=0.04)) as sim:
        receipt = post(sim, "silk [sim:requeue]").json()
        words = [get(receipt["status_url"]).json()["status"]]
        while words[-1] != "COMPLETED":
            words.append(get(receipt["status_url"]).json()["status"])
    changes = [word for number, word in enumerate(words) if number == 0 or word != words[number - 1]]
    assert changes == ["IN_QUEUE", "IN_PROGRESS", "IN_QUEUE", "IN_PROGRESS", "COMPLETED"]


@pytest.mark.parametrize(
    ("code", "kind"), [(422, "content_policy_violation"), (500, "internal_server_error")]
)
def test_a_model_can_fail_unbilled(sim: Simulator, code: int, kind: str) -> None:
    receipt = post(sim, f"silk [sim:error={code}]").json()
    result = finished(sim, receipt)
    assert (result.status_code, result.json()["detail"][0]["type"]) == (code, kind)
    assert get(receipt["status_url"]).json()["error"] == f"Invalid status code: {code}"
    assert ledger(sim, receipt["request_id"])["billed"] == 0


def test_a_slow_run_is_slow_and_a_stuck_one_never_ends(sim: Simulator) -> None:
    began = time.monotonic()
    stuck, slow = (post(sim, f"silk [sim:{fault}]").json() for fault in ("stuck", "slow=0.5"))
    finished(sim, slow)
    assert time.monotonic() - began > 0.5
    assert get(stuck["status_url"]).json()["status"] == "IN_PROGRESS"


def test_a_video_may_come_in_spite_of_a_cancel(sim: Simulator) -> None:
    receipt = post(sim, "silk [sim:cancel-ignored]").json()
    answer = requests.put(receipt["cancel_url"], headers=KEY, timeout=5)
    assert answer.status_code == 202
    assert finished(sim, receipt).json()["video"]["url"]


def test_questions_can_fail_for_a_while(sim: Simulator) -> None:
    receipt = post(sim, "silk [sim:poll-500=2]").json()
    assert [get(receipt["status_url"]).status_code for _ in range(3)][:2] == [500, 500]
    assert finished(sim, receipt).status_code == 200


def test_a_result_can_hold_no_video(sim: Simulator) -> None:
    assert made(sim, "silk [sim:no-video]") == {"detail": "Path / not found"}


def test_a_result_can_be_expired_while_the_status_still_answers(sim: Simulator) -> None:
    receipt = post(sim, "silk [sim:expired]").json()
    assert finished(sim, receipt).status_code == 404
    assert get(receipt["status_url"]).json()["status"] == "COMPLETED"


# -- media


def test_a_download_can_be_resumed_where_it_stopped(sim: Simulator) -> None:
    url = made(sim)["video"]["url"]
    whole = requests.get(url, timeout=5)
    tag = whole.headers["ETag"]
    rest = requests.get(url, headers={"Range": "bytes=100-", "If-Range": tag}, timeout=5)
    changed = requests.get(url, headers={"Range": "bytes=100-", "If-Range": '"other"'}, timeout=5)
    beyond = requests.get(url, headers={"Range": "bytes=99999999-"}, timeout=5)

    assert not tag.startswith("W/")
    assert rest.status_code == 206
    assert rest.content == whole.content[100:]
    assert rest.headers["Content-Range"] == f"bytes 100-{len(whole.content) - 1}/{len(whole.content)}"
    assert (changed.status_code, changed.content) == (200, whole.content)
    assert beyond.status_code == 416


def test_the_ledger_says_whether_a_download_brought_the_key(sim: Simulator) -> None:
    output = made(sim)
    get(output["video"]["url"], headers={})
    get(output["video"]["url"], headers=KEY)
    path = output["video"]["url"].removeprefix(sim.url)
    told = [d["authorization"] for d in ledger(sim)["downloads"] if d["path"] == path]
    assert told == [False, True]


@pytest.mark.parametrize(("fault", "code"), [("media-404", 404), ("media-500", 500), ("media-html", 200)])
def test_a_download_can_fail_for_a_while(sim: Simulator, fault: str, code: int) -> None:
    url = made(sim, f"silk [sim:{fault}=2]")["video"]["url"]
    answers = [requests.get(url, timeout=5) for _ in range(3)]
    assert [a.status_code for a in answers] == [code, code, 200]
    assert [a.headers["Content-Type"].split(";")[0] for a in answers] == [
        "text/html",
        "text/html",
        "video/mp4",
    ]


def read_into(received: bytearray, answer: requests.Response) -> None:
    for piece in answer.iter_content(1000):
        received += piece


def test_a_download_can_be_cut_and_then_resumed(sim: Simulator) -> None:
    video = made(sim, "silk [sim:media-cut=1]")["video"]
    received = bytearray()
    with requests.get(video["url"], stream=True, timeout=5) as answer:
        assert int(answer.headers["Content-Length"]) == video["file_size"]
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            read_into(received, answer)
    rest = requests.get(video["url"], headers={"Range": f"bytes={len(received)}-"}, timeout=5)
    assert 0.5 < len(received) / video["file_size"] <= 0.67
    assert len(received) + len(rest.content) == video["file_size"]


def test_a_file_can_be_short_with_lengths_that_agree(sim: Simulator) -> None:
    video = made(sim, "silk [sim:media-short]", seed=11)["video"]
    whole = made(sim, "silk", seed=11)["video"]
    content = requests.get(video["url"], timeout=5).content
    assert len(content) == video["file_size"] == whole["file_size"] * 2 // 3


def test_a_server_can_know_no_ranges(sim: Simulator) -> None:
    url = made(sim, "silk [sim:media-no-range]")["video"]["url"]
    answer = requests.get(url, headers={"Range": "bytes=100-"}, timeout=5)
    assert answer.status_code == 200
    assert {"ETag", "Accept-Ranges", "Last-Modified"}.isdisjoint(answer.headers)


def test_a_download_can_be_slow(sim: Simulator) -> None:
    video = made(sim, "silk [sim:media-slow=40]")["video"]
    began = time.monotonic()
    with requests.get(video["url"], stream=True, timeout=5) as answer:
        received = len(next(answer.iter_content(8000)))
    assert received == 8000
    assert 0.1 < time.monotonic() - began < 2


def test_a_file_can_be_big_and_still_a_whole_video(sim: Simulator) -> None:
    video = made(sim, "silk [sim:media-big=3]")["video"]
    content = requests.get(video["url"], timeout=5).content
    tail = requests.get(video["url"], headers={"Range": "bytes=2999990-"}, timeout=5).content
    assert len(content) == video["file_size"] == 3_000_000
    assert tail == bytes(10)
    with av.open(io.BytesIO(content)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 12


# -- faults from outside


def test_faults_can_be_asked_for_from_outside(sim: Simulator) -> None:
    rule = {"match": "outside", "faults": ["http=429", "retry-after=3"], "times": 1}
    told = requests.post(f"{sim.url}/sim/faults", json=rule, timeout=5)
    listed = get(f"{sim.url}/sim/faults").json()["rules"]
    codes = [post(sim, prompt).status_code for prompt in ("inside", "outside", "outside")]

    assert told.status_code == 201
    assert listed[-1]["faults"] == {"http": "429", "retry-after": "3"}
    assert codes == [200, 429, 200]


def test_rules_are_cleared_and_nonsense_is_refused_by_name(sim: Simulator) -> None:
    requests.post(f"{sim.url}/sim/faults", json={"match": None, "faults": ["http=500"]}, timeout=5)
    requests.delete(f"{sim.url}/sim/faults", timeout=5)
    bad = requests.post(f"{sim.url}/sim/faults", json={"faults": ["explode"]}, timeout=5)
    assert post(sim).status_code == 200
    assert bad.status_code == 400
    assert "explode" in bad.json()["error"]


def test_the_faults_of_one_request_can_be_changed(sim: Simulator) -> None:
    receipt = post(sim, "silk [sim:stuck]").json()
    url = f"{sim.url}/sim/requests/{receipt['request_id']}/faults"
    assert requests.post(url, json={"faults": ["no-video"]}, timeout=5).status_code == 200
    assert "video" not in finished(sim, receipt).json()


def test_every_fault_of_the_table_is_known_and_every_known_one_is_in_the_table() -> None:
    table = {
        line.split("|")[2].strip().partition("=")[0]
        for line in str(faults.__doc__).splitlines()
        if "|" in line
    }
    assert {name for name in table if name and not name.startswith("-")} - {"name"} == set(faults.NAMES)


# -- the platform's API


def test_models_come_in_pages_with_their_schemas(sim: Simulator) -> None:
    first = get(f"{sim.url}/v1/models", params={"limit": 2}, headers={}).json()
    second = get(
        f"{sim.url}/v1/models", params={"limit": 2, "cursor": first["next_cursor"]}, headers={}
    ).json()
    ids = [model["endpoint_id"] for model in first["models"] + second["models"]]
    one = get(
        f"{sim.url}/v1/models", params={"endpoint_id": ids[1], "expand": "openapi-3.0"}, headers={}
    ).json()
    schemas = one["models"][0]["openapi"]["components"]["schemas"]

    assert len(set(ids)) == 4
    assert first["has_more"] is True
    assert [model["endpoint_id"] for model in one["models"]] == [ids[1]]
    assert any(name.endswith("Input") and "properties" in schemas[name] for name in schemas)
    assert get(f"{sim.url}/v1/models?q=no-such-thing").json()["models"] == []


def test_prices_are_those_of_the_catalogue(tmp_path: Path) -> None:
    seed = tmp_path / "seed.json"
    entry = {"endpoint_id": "a/b", "title": "B", "category": "text-to-video", "input": {}}
    seed.write_text(json.dumps({"models": [{**entry, "price": {"unit": "video", "unit_usd": 0.49}}]}))
    with listening(config(tmp_path / "data", catalog=seed)) as sim:
        prices = get(f"{sim.url}/v1/models/pricing", params={"endpoint_id": "a/b,c/d"}).json()["prices"]
        receipt = post(sim, app="a/b", duration=10).json()
        units = finished(sim, receipt).headers["x-fal-billable-units"]
    assert prices == [{"endpoint_id": "a/b", "unit_price": 0.49, "unit": "video", "currency": "USD"}]
    assert units == "1"


def test_past_requests_are_listed_with_what_was_sent(sim: Simulator) -> None:
    url = f"{sim.url}/v1/models/requests/by-endpoint"
    good = post(sim, "listed", app="listing/app/sub").json()
    bad = post(sim, "listed [sim:error=422]", app="listing/app/sub").json()
    finished(sim, good)
    finished(sim, bad)
    ask = {"endpoint_id": "listing/app/sub", "expand": "payloads"}
    items = get(url, params=ask).json()["items"]
    fine = get(url, params={**ask, "status": "success"}).json()["items"]
    later = get(url, params={**ask, "start": "2099-01-01T00:00:00Z"}).json()["items"]
    page = get(url, params={**ask, "limit": 1}).json()

    assert {item["request_id"] for item in items} == {good["request_id"], bad["request_id"]}
    assert [item["json_input"] for item in fine] == [{"prompt": "listed"}]
    assert fine[0]["json_output"]["video"]["url"]
    assert later == []
    assert page["has_more"] is True
    assert get(url).status_code == 400
    assert "json_input" not in get(url, params={"endpoint_id": ask["endpoint_id"]}).json()["items"][0]


def test_the_listing_lags_when_told_to(tmp_path: Path) -> None:
    with listening(config(tmp_path, listing_lag_s=60)) as sim:
        finished(sim, post(sim).json())
        items = get(f"{sim.url}/v1/models/requests/by-endpoint", params={"endpoint_id": APP}).json()["items"]
    assert items == []


def test_the_addresses_of_webhooks_are_told_to_anybody(sim: Simulator) -> None:
    assert requests.get(f"{sim.url}/v1/meta", timeout=5).json()["webhook_ip_ranges"]


# -- restarts


def test_what_was_under_way_goes_on_after_a_restart(tmp_path: Path, receiver: Receiver) -> None:
    with reserved_port() as port:
        with listening(config(tmp_path, pace=0.06), port=port) as sim:
            receipt = post(sim, webhook=receiver.url).json()
            key = sim.signer.jwks()
        with listening(config(tmp_path), port=port) as sim:
            result = finished(sim, receipt)
            ((headers, body),) = receiver.wait(1)
            assert sim.signer.jwks() == key
            assert genuine(sim, headers, body)
            assert ledger(sim)["accepted"] == 1
            assert requests.get(result.json()["video"]["url"], timeout=5).status_code == 200
    assert stat.S_IMODE((tmp_path / "signing.key").stat().st_mode) == 0o600


def test_an_unacknowledged_webhook_is_sent_again_after_a_restart(tmp_path: Path, receiver: Receiver) -> None:
    receiver.answers = [503]
    slow = config(tmp_path, webhook_retries_s=(20.0,))  # 0.2 s at this pace
    with listening(slow) as sim:
        post(sim, webhook=receiver.url)
        receiver.wait(1)
    with listening(slow):
        assert receiver.wait(2)


def test_a_killed_simulator_as_its_own_process_goes_on_where_it_was(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from simulator.config import SimulatorConfig;"
        "from simulator.server import serve;"
        "serve('127.0.0.1', int(sys.argv[1]), SimulatorConfig(Path(sys.argv[2]), small=True, pace=0.02))"
    )
    with reserved_port() as port:
        command = [sys.executable, "-c", code, str(port), str(tmp_path)]
        url = f"http://127.0.0.1:{port}"
        first = subprocess.Popen(command, cwd=Path(__file__).parents[2])
        until(lambda: _answers(url))
        body = {"prompt": "silk [sim:slow=0.3]"}
        receipt = requests.post(f"{url}/{APP}", json=body, headers=KEY, timeout=5).json()
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
        second = subprocess.Popen(command, cwd=Path(__file__).parents[2])
        until(lambda: _answers(url))
        until(lambda: get(receipt["status_url"]).json()["status"], lambda word: word == "COMPLETED")
        video = get(receipt["response_url"]).json()["video"]
        size = len(requests.get(video["url"], timeout=5).content)
        os.kill(second.pid, signal.SIGTERM)
        assert second.wait(8) == 0
    assert size == video["file_size"]


def test_a_video_rendered_in_a_child_process_is_whole_and_no_child_is_left(tmp_path: Path) -> None:
    with listening(config(tmp_path, small=False)) as sim:
        output = made(sim, "silk", duration="1", resolution="480p")
        (child,) = sim.engine._painter._children
        assert child.poll() is None
        assert len(frames(output["video"]["url"])) == 24
    assert child.returncode is not None


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=1).status_code == 200
    except requests.ConnectionError:
        return False
