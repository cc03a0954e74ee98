"""Is a delivery genuine, and what does it say? No clock, no database; the network for new keys alone.

The signature proves "from fal", not "for us": it covers request id, user id, time and body, not the
URL, and fal's keys are the same for all its customers. So the account is pinned and the job's own
token required besides; both are the caller's to check.

Source: fal documentation, "Webhooks", on verification.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from backend.domain.errors import DeliveryRefused
from backend.providers.answer_body import clean_text, parse_json
from backend.providers.base import Errored, Finished, VerifiedDelivery, WebhookBody
from backend.providers.fal import answers
from backend.providers.fal.signing_keys import FalSigningKeys

#: A delivery further away from now than this is genuine but stale.
TIMESTAMP_TOLERANCE = timedelta(seconds=300)
#: The last second that a moment can hold (year 9999): a later stamp is as stale as this one.
MAX_TIMESTAMP_S = 253_402_300_799

_PREFIX = "X-Fal-Webhook-"
_TIMESTAMP = re.compile(r"[0-9]{1,12}", re.ASCII)
_SIGNATURE = re.compile(r"[0-9a-fA-F]{128}", re.ASCII)
_ID = re.compile(r"[\x21-\x7e]{1,200}")


@dataclass(frozen=True)
class SignedHeaders:
    """The headers of a delivery, well-formed; not yet verified."""

    request_id: str
    user_id: str
    timestamp: str
    signature: bytes
    signed_at: datetime

    def is_stale(self, now: datetime) -> bool:
        """Is this too far from now to be applied as it stands?"""
        return abs(now - self.signed_at) > TIMESTAMP_TOLERANCE


def verify_delivery(
    keys: FalSigningKeys, values: Sequence[tuple[str, str]], body: bytes, *, now: datetime
) -> VerifiedDelivery | None:
    """See `Provider.verify_delivery`. Where no known key fits, newer ones are fetched, seldom."""
    if not any(name.lower().startswith(_PREFIX.lower()) for name, _ in values):
        return None
    signed, known = read_headers(values), keys.current_keys()
    if not verify(signed, body, keys=known):
        newer = keys.newer_than(known)
        if newer is None or not verify(signed, body, keys=newer):
            raise DeliveryRefused("no key of fal verifies it")
    return VerifiedDelivery(
        provider="fal",
        request_id=signed.request_id,
        account=signed.user_id,
        signed_at=signed.signed_at,
        stale=signed.is_stale(now),
        headers={"request_id": signed.request_id, "user_id": signed.user_id, "timestamp": signed.timestamp},
        body=body,
        content=read_body(body),
    )


def read_headers(values: Sequence[tuple[str, str]]) -> SignedHeaders:
    """Check the syntax of the four headers. values: all header lines as (name, value).

    Raises:
        DeliveryRefused: a header is missing, doubled or malformed.
    """
    timestamp = _one(values, "Timestamp", _TIMESTAMP)
    return SignedHeaders(
        request_id=_one(values, "Request-Id", _ID),
        user_id=_one(values, "User-Id", _ID),
        timestamp=timestamp,
        signature=bytes.fromhex(_one(values, "Signature", _SIGNATURE)),
        signed_at=datetime.fromtimestamp(min(int(timestamp), MAX_TIMESTAMP_S), UTC),
    )


def verify(headers: SignedHeaders, body: bytes, *, keys: Sequence[bytes]) -> bool:
    """Did the holder of one of these keys sign this delivery?

    body: the raw bytes as received; a re-serialised body never verifies.
    keys: Ed25519 public keys, 32 bytes each; any one may match, so that keys can be rotated.
    """
    digest = hashlib.sha256(body).hexdigest()
    message = "\n".join((headers.request_id, headers.user_id, headers.timestamp, digest)).encode()
    return any(_verifies(key, headers.signature, message) for key in keys)


def read_body(body: bytes) -> WebhookBody:
    """What a genuine body says; anything that can't be understood has no outcome, and is asked for."""
    value = parse_json(body)
    if not isinstance(value, dict) or not isinstance(value.get("request_id"), str):
        return WebhookBody(None, None, "unreadable", None)
    status = value.get("status")
    status = clean_text(status)[:40] if isinstance(status, str) else "unreadable"
    return WebhookBody(
        request_id=value["request_id"] if _ID.fullmatch(value["request_id"]) else None,
        gateway_request_id=_short(value.get("gateway_request_id")),
        status=status,
        outcome=_outcome(status, value),
    )


def _outcome(status: str, value: dict[str, Any]) -> Finished | Errored | None:
    payload = value.get("payload")
    if status == "OK" and not value.get("payload_error"):
        outcome = answers.parse_result(payload, {})
        return outcome if isinstance(outcome, Finished) else None
    if status == "ERROR":
        return answers.webhook_failure(value.get("error"), payload)
    return None


def _one(values: Sequence[tuple[str, str]], name: str, shape: re.Pattern[str]) -> str:
    found = [value for header, value in values if header.lower() == (_PREFIX + name).lower()]
    if len(found) != 1 or not shape.fullmatch(found[0]):
        raise DeliveryRefused(f"{_PREFIX}{name} is missing, doubled or malformed")
    return found[0]


def _verifies(key: bytes, signature: bytes, message: bytes) -> bool:
    try:
        _public(key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


@lru_cache(maxsize=16)
def _public(key: bytes) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(key)


def _short(value: Any) -> str | None:
    return clean_text(value)[:200] if isinstance(value, str) else None
