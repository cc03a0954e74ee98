"""The simulator's own Ed25519 key, and webhooks signed with it as fal signs them.

Source: fal documentation, "Webhooks", on verification.
"""

import base64
import hashlib
import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


class Signer:
    """Signs with the key in `path`; a first start makes it, readable by its owner alone."""

    def __init__(self, path: Path) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(_key_bytes(path))

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """The public key as fal publishes its own: base64url without padding."""
        raw = self._key.public_key().public_bytes_raw()
        x = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
        return {"keys": [{"kty": "OKP", "crv": "Ed25519", "use": "sig", "kid": x[:8], "x": x}]}

    def headers(
        self, body: bytes, *, request_id: str, user_id: str, timestamp: int, forged: bool
    ) -> dict[str, str]:
        """The four headers of one delivery; `forged` puts a signature on it that nobody made."""
        digest = hashlib.sha256(body).hexdigest()
        message = "\n".join([request_id, user_id, str(timestamp), digest]).encode()
        signature = hashlib.sha512(message).digest() if forged else self._key.sign(message)
        return {
            "X-Fal-Webhook-Request-Id": request_id,
            "X-Fal-Webhook-User-Id": user_id,
            "X-Fal-Webhook-Timestamp": str(timestamp),
            "X-Fal-Webhook-Signature": signature.hex(),
        }


def _key_bytes(path: Path) -> bytes:
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raw = b""
    if len(raw) == 32:
        return raw
    fresh = Ed25519PrivateKey.generate().private_bytes_raw()
    part = path.with_suffix(".part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(fresh)
    part.replace(path)
    return fresh
