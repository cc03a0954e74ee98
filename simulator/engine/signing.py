"""The simulator's own Ed25519 key, and webhooks signed with it as fal signs them.

Source: fal documentation, "Webhooks", on verification.
"""

import base64
import hashlib
import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

#: The fal account that every delivery is signed for, and that `FAL_USER_ID` may name.
USER_ID = "simulated-account"


class Signer:
    """Signs with the key in `path`; a first start makes it, readable by its owner alone."""

    def __init__(self, path: Path) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(_key_bytes(path))

    def public_keys(self) -> dict[str, list[dict[str, str]]]:
        """The public key as fal publishes its own, a JWKS: base64url without padding."""
        raw = self._key.public_key().public_bytes_raw()
        x = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
        return {"keys": [{"kty": "OKP", "crv": "Ed25519", "use": "sig", "kid": x[:8], "x": x}]}

    def signed_headers(self, body: bytes, *, request_id: str, timestamp: int) -> dict[str, str]:
        """The four headers of one delivery."""
        digest = hashlib.sha256(body).hexdigest()
        message = "\n".join([request_id, USER_ID, str(timestamp), digest]).encode()
        return {
            "X-Fal-Webhook-Request-Id": request_id,
            "X-Fal-Webhook-User-Id": USER_ID,
            "X-Fal-Webhook-Timestamp": str(timestamp),
            "X-Fal-Webhook-Signature": self._key.sign(message).hex(),
        }


def _key_bytes(path: Path) -> bytes:
    if path.exists() and len(raw := path.read_bytes()) == 32:
        return raw
    fresh = Ed25519PrivateKey.generate().private_bytes_raw()
    part = path.with_suffix(".part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(fresh)
    part.replace(path)
    return fresh
