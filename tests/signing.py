"""fal's side of a webhook, in the hands of a test: keys that it publishes, deliveries that it signs."""

import hashlib
import json
import threading
from base64 import urlsafe_b64encode
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from backend.domain.clock import Clock

FIRST_KEY, SECOND_KEY = (Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32) for seed in (1, 2))


def public(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes_raw()


def jwk(key: bytes, **more: Any) -> dict[str, Any]:
    """A public key as a JWKS holds it: base64url without padding."""
    x = urlsafe_b64encode(key).rstrip(b"=").decode()
    return {"kty": "OKP", "crv": "Ed25519", "x": x, "kid": "k", **more}


def jwks(*keys: bytes) -> bytes:
    return json.dumps({"keys": [jwk(key) for key in keys]}).encode()


class FakeClock(Clock):
    """A clock that a test moves."""

    def __init__(self) -> None:
        super().__init__()
        self.at = datetime(2026, 11, 1, 12, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def pass_s(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


class Publisher:
    """A server that publishes keys on loopback, or anything else; `asked` are the paths it was asked for.

    While `go` is cleared it takes requests and answers none.
    """

    def __init__(self) -> None:
        self.status, self.body = 200, jwks(public(FIRST_KEY))
        self.headers: dict[str, str] = {}
        self.asked: list[str] = []
        self.go = threading.Event()
        self.go.set()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append(self.path)
                outer.go.wait(20)
                with suppress(OSError):  # a client that has heard enough
                    self.send_response(outer.status)
                    for name, value in outer.headers.items():
                        self.send_header(name, value)
                    self.end_headers()
                    self.wfile.write(outer.body)

            def log_message(self, *_: Any) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.base = f"http://127.0.0.1:{self._server.server_address[1]}"
        self.url = f"{self.base}/.well-known/jwks.json"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self.go.set()
        self._server.shutdown()
        self._thread.join(5)
        self._server.server_close()


def signed(
    body: bytes,
    *,
    request_id: str,
    at: datetime,
    user_id: str = "our-account",
    key: Ed25519PrivateKey = FIRST_KEY,
) -> dict[str, str]:
    """The four headers of a delivery, as fal makes them."""
    stamp = str(int(at.timestamp()))
    message = "\n".join([request_id, user_id, stamp, hashlib.sha256(body).hexdigest()]).encode()
    return {
        "X-Fal-Webhook-Request-Id": request_id,
        "X-Fal-Webhook-User-Id": user_id,
        "X-Fal-Webhook-Timestamp": stamp,
        "X-Fal-Webhook-Signature": key.sign(message).hex(),
    }
