"""fal's public keys: read from whatever a server answers, kept on disk, fetched seldom and by one caller."""

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from backend.domain.errors import KeysUnavailable
from backend.providers.fal import signing_keys
from backend.providers.fal.signing_keys import RETRY_EVERY, WEAK_KEYS, FalSigningKeys, parse_jwks
from tests.signing import FIRST_KEY, SECOND_KEY, FakeClock, Publisher, jwk, jwks, public
from tests.waiting import eventually
from tests.world import at_once

FIRST, SECOND = public(FIRST_KEY), public(SECOND_KEY)


@pytest.fixture
def keys(publisher: Publisher, clock: FakeClock, tmp_path: Path) -> FalSigningKeys:
    return FalSigningKeys(publisher.url, tmp_path / "fal_keys.json", clock)


def test_published_keys_are_used_padded_or_not_each_once_and_fifty_at_most():
    padded = jwk(SECOND, x=jwk(SECOND)["x"] + "=")
    many = [bytes([number]) * 32 for number in range(2, 90)]
    assert parse_jwks(json.dumps({"keys": [jwk(FIRST), padded, jwk(FIRST)]}).encode()) == (FIRST, SECOND)
    assert len(parse_jwks(jwks(*many))) == signing_keys.MAX_KEYS


@pytest.mark.parametrize(
    "odd",
    [
        jwk(FIRST, kty="RSA", n="AQAB", e="AQAB"), jwk(FIRST, kty="EC"), jwk(FIRST, kty=None),
        jwk(FIRST, x=None), jwk(FIRST, x=7), jwk(FIRST, x=""), jwk(FIRST, x="A"), jwk(FIRST, x="!!!!"),
        jwk(FIRST, x="ü" * 43), jwk(FIRST, x="A" * 100_000), jwk(bytes(range(31))), jwk(bytes(range(33))),
        None, 7, "key", [],
        # Under these anybody can sign.
        *(jwk(weak[:31] + bytes([weak[31] | sign])) for weak in sorted(WEAK_KEYS) for sign in (0, 0x80)),
    ],
    ids=lambda odd: ascii(odd)[:60],
)  # fmt: skip
def test_a_published_thing_that_is_no_key_of_ours_is_passed_over(odd):
    assert parse_jwks(json.dumps({"keys": [odd, jwk(FIRST)]}).encode()) == (FIRST,)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"null", b"[]", b"{}", b'{"keys": null}', b'{"keys": 7}', b'{"keys": {"a": 1}}', b'{"keys": []}',
        b"<html>hello</html>", b"\xff\xfe", b"[" * 100_000, b'{"keys": "text"}',
    ],
    ids=lambda body: ascii(body[:20]),
)  # fmt: skip
def test_a_set_that_can_not_be_read_holds_no_keys(body):
    assert parse_jwks(body) == ()


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (500, {}, jwks(FIRST)), (404, {}, b""), (302, {"Location": "/elsewhere"}, jwks(FIRST)),
        (200, {}, b"<html>captive portal</html>"), (200, {}, b" " * (8 * 1024 * 1024) + jwks(FIRST)),
        (200, {"Content-Length": "100000"}, jwks(FIRST)), (200, {"Content-Encoding": "gzip"}, b"no gzip"),
    ],
    ids=["500", "404", "redirect", "html", "huge", "cut", "bad gzip"],
)  # fmt: skip
def test_an_answer_that_is_no_set_of_keys_gives_none(keys, publisher, status, headers, body):
    publisher.status, publisher.headers, publisher.body = status, headers, body
    with pytest.raises(KeysUnavailable):
        keys.current_keys()
    assert publisher.asked == ["/.well-known/jwks.json"]


def test_an_address_where_nobody_listens_or_answers_gives_none(keys, publisher, clock, tmp_path, monkeypatch):
    monkeypatch.setattr(signing_keys, "FETCH_S", 0.3)
    publisher.go.clear()
    for asked in (keys, FalSigningKeys("http://127.0.0.1:1/jwks.json", tmp_path / "keys.json", clock)):
        with pytest.raises(KeysUnavailable):
            asked.current_keys()


def test_without_keys_fetching_is_tried_again_soon_but_not_at_once(keys, publisher, clock):
    publisher.status = 503
    for _ in range(5):
        with pytest.raises(KeysUnavailable):
            keys.current_keys()
    assert len(publisher.asked) == 1
    publisher.status = 200
    clock.pass_s(2.5)
    assert keys.current_keys() == (FIRST,)


def test_keys_are_fetched_once_and_serve_the_next_run_while_fal_is_down(keys, publisher, clock, tmp_path):
    assert [keys.current_keys() for _ in range(3)] == [(FIRST,)] * 3
    publisher.status = 500
    again = FalSigningKeys(publisher.url, tmp_path / "fal_keys.json", clock)
    assert again.current_keys() == (FIRST,)
    assert publisher.asked == ["/.well-known/jwks.json"]


def test_keys_older_than_a_day_are_fetched_again_and_go_on_serving_while_that_fails(keys, publisher, clock):
    keys.current_keys()
    publisher.status = 500
    clock.pass_s(25 * 3600)
    assert [keys.current_keys() for _ in range(3)] == [(FIRST,)] * 3
    assert len(publisher.asked) == 2
    publisher.status, publisher.body = 200, jwks(SECOND)
    clock.pass_s(61)
    assert keys.current_keys() == (SECOND,)


@pytest.mark.parametrize(
    "kept",
    [
        b"", b"{", b"[]", b"null", b'{"keys": 7, "fetched_at": 7}', b'{"keys": ["zz"], "fetched_at": ""}',
        b"\xff", None,
    ],
)  # fmt: skip
def test_a_file_of_keys_that_is_broken_or_can_not_be_kept_is_passed_over(kept, publisher, clock, tmp_path):
    path = tmp_path / ("fal_keys.json" if kept is not None else "no such folder/keys.json")
    if kept is not None:
        path.write_bytes(kept)
    assert FalSigningKeys(publisher.url, path, clock).current_keys() == (FIRST,)


def test_a_signature_that_no_key_fits_leads_to_one_fetch_a_minute(keys, publisher, clock):
    seen, publisher.body = keys.current_keys(), jwks(SECOND)
    assert keys.newer_than(seen) == (SECOND,)
    assert [keys.newer_than((SECOND,)) for _ in range(100)] == [None] * 100
    assert len(publisher.asked) == 2
    for body, newer in ((b"<html>", None), (jwks(FIRST, SECOND), (FIRST, SECOND))):
        clock.pass_s(61)
        publisher.body = body
        assert keys.newer_than((SECOND,)) == newer
        assert keys.current_keys() == (newer or (SECOND,))


def fifty(question: Callable[[], Any]) -> list[Any]:
    """The answers that fifty threads get who ask at once; an error counts as its class."""

    def ask(_: int) -> Any:
        try:
            return question()
        except KeysUnavailable:
            return KeysUnavailable

    return at_once(50, ask)


def test_fifty_callers_at_once_fetch_once_and_so_do_fifty_with_an_unknown_signature(keys, publisher):
    assert fifty(keys.current_keys) == [(FIRST,)] * 50
    assert len(publisher.asked) == 1
    publisher.body = jwks(SECOND)
    assert fifty(lambda: keys.newer_than((FIRST,))) == [(SECOND,)] * 50
    assert len(publisher.asked) == 2


def test_fifty_callers_do_not_ask_one_after_the_other_a_server_that_fails_slowly(keys, publisher, clock):
    """The fetch outlasts the pause between two tries; those who waited for it must not repeat it."""
    publisher.status = 503
    publisher.go.clear()

    def answer_late() -> None:
        eventually(lambda: publisher.asked)
        clock.pass_s(2 * RETRY_EVERY.total_seconds())
        publisher.go.set()

    threading.Thread(target=answer_late).start()
    assert fifty(keys.current_keys) == [KeysUnavailable] * 50
    assert len(publisher.asked) == 1
