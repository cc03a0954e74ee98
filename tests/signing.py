"""fal's side of a webhook, in the hands of a test: keys that it publishes, deliveries that it signs."""

import hashlib
import json
from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from backend.domain.clock import Clock
from tests.loopback import Peer, answer

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


class Publisher(Peer):
    """A server that publishes keys on loopback, or anything else."""

    def __init__(self) -> None:
        self.status, self.body, self.headers = 200, jwks(public(FIRST_KEY)), dict[str, str]()
        super().__init__(lambda sock: answer(self.status, self.body, **self.headers)(sock))
        self.base, self.url = self.url, f"{self.url}/.well-known/jwks.json"

    @property
    def asked(self) -> list[str]:
        """The paths it was asked for."""
        return [one.path for one in self.seen]


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
