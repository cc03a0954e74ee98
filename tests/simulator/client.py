"""How tests call the simulator and receive its webhooks, and what they see in a video."""

import base64
import hashlib
import io
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import av
import requests
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from simulator.app import Simulator
from simulator.config import SimulatorConfig
from simulator.server import listening
from tests.loopback import Peer, Seen, answer
from tests.waiting import PATIENCE_S, eventually

APP = "fal-ai/kling-video/v2.5-turbo/pro/text-to-video"
KEY = {"Authorization": "Key demo:simulator"}


class SimulatorClient:
    """Calls a running simulator over HTTP, with a key. `receipt`: the answer to a submit."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator, self.url = simulator, simulator.url

    def call(self, method: str, url: str, **options: Any) -> requests.Response:
        """url: whole, or from its `/` on."""
        options = {"headers": KEY, "timeout": PATIENCE_S, **options}
        return requests.request(method, urljoin(self.url, url), **options)  # noqa: S113 - it has a timeout

    def get(self, url: str, **options: Any) -> requests.Response:
        return self.call("GET", url, **options)

    def post(self, prompt: Any = "silk", *, app: str = APP, webhook: str | None = None, **given: Any) -> Any:
        return self.call("POST", f"/{app}", json={"prompt": prompt, **given}, params={"fal_webhook": webhook})

    def submit(self, prompt: str = "silk", **more: Any) -> dict[str, Any]:
        return dict(self.post(prompt, **more).json())

    def status(self, receipt: dict[str, Any]) -> dict[str, Any]:
        return dict(self.get(receipt["status_url"]).json())

    def result(self, receipt: dict[str, Any]) -> requests.Response:
        """The result, once the request is over."""
        assert self.simulator.installation.queue.wait_over(receipt["request_id"], PATIENCE_S)
        return self.get(receipt["response_url"])

    def made(self, prompt: str = "silk", **more: Any) -> dict[str, Any]:
        """The output of a request that went well."""
        result = self.result(self.submit(prompt, **more))
        assert result.status_code == 200, result.text
        return dict(result.json())

    def cancel(self, receipt: dict[str, Any]) -> tuple[int, Any]:
        told = self.call("PUT", receipt["cancel_url"])
        return told.status_code, told.json()["status"]

    def complete(self, prompt: str) -> requests.Response:
        """Blackbox's blocking call."""
        body = {"model": "a/b", "messages": [{"role": "user", "content": prompt}]}
        return self.call("POST", "/blackbox/chat/completions", json=body)

    def ledger(self) -> dict[str, Any]:
        return dict(self.get("/sim/ledger").json())

    def listed(self, **query: Any) -> requests.Response:
        """The requests of the past."""
        return self.get("/v1/models/requests/by-endpoint", params={"endpoint_id": APP, **query})

    def add_rule(self, *faults: str, **rule: Any) -> requests.Response:
        return self.call("POST", "/sim/faults", json={"faults": faults, **rule})

    def verify(self, call: Seen) -> None:
        """What a receiver does with fal's key; InvalidSignature: this is not what fal signed."""
        (key,) = self.get("/.well-known/jwks.json").json()["keys"]
        fields = [call.headers[f"x-fal-webhook-{name}"] for name in ("request-id", "user-id", "timestamp")]
        message = "\n".join([*fields, hashlib.sha256(call.body).hexdigest()]).encode()
        public = Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(key["x"] + "="))
        public.verify(bytes.fromhex(call.headers["x-fal-webhook-signature"]), message)


@contextmanager
def running(folder: Path, *, port: int = 0, **more: Any) -> Iterator[SimulatorClient]:
    """A simulator of one's own, a hundred times as fast as in the demo."""
    quick: dict[str, Any] = {"pace": 0.01, "small": True, "at_once": 8, "webhook_retries_s": (1.0, 2.0)}
    with listening(SimulatorConfig(folder, **{**quick, **more}), port=port) as simulator:
        yield SimulatorClient(simulator)


class Receiver(Peer):
    """An address for webhooks: keeps every call; answers with `answers`, then with 200."""

    def __init__(self) -> None:
        self.answers = list[int]()
        super().__init__(self._answer)
        self.url += "/webhook"

    def _answer(self, connection: socket.socket) -> None:
        answer(self.answers.pop(0) if self.answers else 200, b"", Location=self.url)(connection)

    def wait(self, count: int) -> list[Seen]:
        eventually(lambda: len(self.seen) >= count)
        return list(self.seen)

    def bodies(self, count: int) -> list[dict[str, Any]]:
        return [json.loads(call.body) for call in self.wait(count)]


def frames(content: bytes) -> list[Any]:
    """The pictures of a video, each (rows, columns, 3)."""
    with av.open(io.BytesIO(content)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
