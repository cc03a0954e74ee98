"""Who has to keep the promises: one entry a provider, with what its own answers look like."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from backend.domain.clock import Clock
from backend.http.outbound import DIRECT, Outbound
from backend.providers.base import Provider
from backend.providers.blackbox import BlackboxProvider
from backend.providers.fal.client import FalProvider
from backend.providers.fal.signing_keys import FalSigningKeys
from tests.signing import FIRST_KEY, jwks, public, signed

#: In every request, and never anywhere else.
KEY = "id-of-a-test:secret-that-must-not-be-told"


@dataclass(frozen=True)
class ProviderCase:
    """A provider under test."""

    name: str
    #: (its server's base URL, how long it may wait in seconds, its way there) -> the provider, with `KEY`.
    build: Callable[..., Provider]
    #: The body of a 200 that accepts a request (or ends it, where it blocks).
    accepts: bytes
    #: (status, words) -> the body of its own error.
    error: Callable[[int, str], bytes]
    #: Answers that are a definite no; that mean "not now". All others leave it open.
    refusals: set[int]
    later: set[int]
    #: Does its own error with a 5xx prove that nothing was accepted?
    own_5xx_is_unsent: bool
    #: What its server publishes to verify deliveries by; (when, body) -> the headers of one; one of a video.
    keys: bytes = b""
    deliver: Callable[[datetime, bytes], dict[str, str]] | None = None
    done: bytes = b""


def fal_at(url: str, patience_s: float = 60.0, outbound: Outbound = DIRECT) -> Provider:
    """fal, whose servers are all at this one."""
    return FalProvider(
        key=KEY, queue_url=url, rest_url=url, api_url=url, submit_s=patience_s, ask_s=patience_s / 3,
        signing_keys=FalSigningKeys(url, Path("/no/such/folder/keys.json"), Clock(), outbound),
        outbound=outbound,
    )  # fmt: skip


def _blackbox(url: str, patience_s: float, outbound: Outbound = DIRECT) -> Provider:
    return BlackboxProvider(
        key=KEY, url=url, timeout_s=patience_s, max_calls=4, model_ids=["a/model"], outbound=outbound
    )


PROVIDER_CASES = [
    ProviderCase(
        name="fal",
        build=fal_at,
        accepts=json.dumps({"request_id": "r-1", "queue_position": 0}).encode(),
        error=lambda status, words: json.dumps({"detail": words}).encode(),
        refusals={400, 401, 403, 404, 413, 422},
        later={429},
        own_5xx_is_unsent=True,
        keys=jwks(public(FIRST_KEY)),
        deliver=lambda at, body: signed(body, request_id="r-1", at=at),
        done=json.dumps(
            {"request_id": "r-1", "status": "OK", "payload": {"video": {"url": "https://a.example/v.mp4"}}}
        ).encode(),
    ),
    ProviderCase(
        name="blackbox",
        build=_blackbox,
        accepts=json.dumps({"choices": [{"message": {"content": "https://a.example/v.mp4"}}]}).encode(),
        error=lambda status, words: json.dumps({"error": {"code": status, "message": words}}).encode(),
        refusals={400, 401, 402, 403, 429},
        later=set(),
        own_5xx_is_unsent=False,
    ),
]
