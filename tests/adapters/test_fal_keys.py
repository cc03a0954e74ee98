"""fal's public keys: read from whatever a server answers, kept on disk, fetched seldom and by one caller."""

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from backend.domain.clock import Clock
from backend.domain.errors import KeysUnavailable
from backend.providers.fal import signing_keys
from backend.providers.fal.signing_keys import WEAK_KEYS, FalSigningKeys, parse_jwks
from tests.signing import FIRST_KEY, SECOND_KEY, FakeClock, Publisher, jwk, jwks, public

FIRST, SECOND = public(FIRST_KEY), public(SECOND_KEY)


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    made = Publisher()
    yield made
    made.close()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def keys(publisher: Publisher, clock: FakeClock, tmp_path: Path) -> FalSigningKeys:
    return FalSigningKeys(publisher.url, tmp_path / "fal_keys.json", clock)


# -- what is published ------------------------------------------------------------------------


def test_published_keys_are_used_padded_or_not():
    padded = jwk(SECOND)
    padded["x"] += "="

    assert parse_jwks(json.dumps({"keys": [jwk(FIRST), padded]}).encode()) == (FIRST, SECOND)


@pytest.mark.parametrize(
    "odd",
    [
        jwk(FIRST, kty="RSA", n="AQAB", e="AQAB"), jwk(FIRST, kty="EC"), jwk(FIRST, kty=None),
        jwk(FIRST, x=None), jwk(FIRST, x=7), jwk(FIRST, x=""), jwk(FIRST, x="A"), jwk(FIRST, x="!!!!"),
        jwk(FIRST, x="ü" * 43), jwk(FIRST, x="A" * 100_000), jwk(bytes(range(31))), jwk(bytes(range(33))),
        None, 7, "key", [],
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


def test_a_key_that_is_published_twice_counts_once_and_not_more_than_fifty_are_looked_at():
    many = [bytes([number]) * 32 for number in range(2, 90)]

    assert parse_jwks(jwks(FIRST, FIRST)) == (FIRST,)
    assert len(parse_jwks(jwks(*many))) == signing_keys.MAX_KEYS


@pytest.mark.parametrize("sign", [0, 0x80])
@pytest.mark.parametrize("weak", sorted(WEAK_KEYS), ids=lambda key: key.hex()[:8])
def test_a_key_under_which_anybody_can_sign_is_no_key(weak, sign):
    assert parse_jwks(jwks(weak[:31] + bytes([weak[31] | sign]), FIRST)) == (FIRST,)


# -- what a server may answer -----------------------------------------------------------------


def test_keys_are_fetched_once_and_then_at_hand(keys, publisher):
    assert [keys.current_keys() for _ in range(3)] == [(FIRST,)] * 3
    assert publisher.asked == ["/.well-known/jwks.json"]


GOOD = jwks(FIRST)


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (500, {}, GOOD), (404, {}, b""), (302, {"Location": "/elsewhere"}, GOOD),
        (200, {}, b"<html>captive portal</html>"), (200, {}, b" " * (8 * 1024 * 1024) + GOOD),
        (200, {"Content-Length": "100000"}, GOOD), (200, {"Content-Encoding": "gzip"}, b"no gzip at all"),
    ],
    ids=["500", "404", "redirect", "html", "huge", "cut", "bad gzip"],
)  # fmt: skip
def test_an_answer_that_is_no_set_of_keys_gives_none(keys, publisher, status, headers, body):
    publisher.status, publisher.headers, publisher.body = status, headers, body

    with pytest.raises(KeysUnavailable):
        keys.current_keys()
    assert publisher.asked == ["/.well-known/jwks.json"]


def test_an_address_where_nobody_listens_gives_none(clock, tmp_path):
    with pytest.raises(KeysUnavailable):
        FalSigningKeys("http://127.0.0.1:1/jwks.json", tmp_path / "keys.json", clock).current_keys()


def test_without_keys_fetching_is_tried_again_soon_but_not_at_once(keys, publisher, clock):
    publisher.status = 503
    for _ in range(5):
        with pytest.raises(KeysUnavailable):
            keys.current_keys()
    assert len(publisher.asked) == 1

    publisher.status = 200
    clock.pass_s(2.5)
    assert keys.current_keys() == (FIRST,)


# -- kept between runs ------------------------------------------------------------------------


def test_the_keys_of_the_last_run_serve_while_fal_is_down(keys, publisher, clock, tmp_path):
    keys.current_keys()
    publisher.status = 500

    again = FalSigningKeys(publisher.url, tmp_path / "fal_keys.json", clock)

    assert again.current_keys() == (FIRST,)
    assert len(publisher.asked) == 1


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
def test_a_broken_file_of_keys_is_passed_over_and_so_is_one_that_can_not_be_kept(
    kept, publisher, clock, tmp_path
):
    path = tmp_path / ("fal_keys.json" if kept is not None else "no such folder/keys.json")
    if kept is not None:
        path.write_bytes(kept)

    assert FalSigningKeys(publisher.url, path, clock).current_keys() == (FIRST,)


# -- new keys ---------------------------------------------------------------------------------


def test_a_signature_that_no_key_fits_leads_to_one_fetch_a_minute(keys, publisher, clock):
    seen = keys.current_keys()
    publisher.body = jwks(SECOND)

    assert keys.newer_than(seen) == (SECOND,)
    assert len(publisher.asked) == 2
    assert [keys.newer_than((SECOND,)) for _ in range(100)] == [None] * 100
    assert len(publisher.asked) == 2

    clock.pass_s(61)
    publisher.body = jwks(FIRST, SECOND)
    assert keys.newer_than((SECOND,)) == (FIRST, SECOND)


def test_a_failed_search_for_new_keys_leaves_the_old_ones(keys, publisher):
    seen = keys.current_keys()
    publisher.body = b"<html>"

    assert keys.newer_than(seen) is None
    assert keys.current_keys() == seen


def fifty(question: Callable[[], Any]) -> list[Any]:
    """The answers that fifty threads get who ask at once; an error counts as its class."""
    together = threading.Barrier(50)

    def ask(_: int) -> Any:
        together.wait()
        try:
            return question()
        except KeysUnavailable:
            return KeysUnavailable

    with ThreadPoolExecutor(50) as pool:
        return list(pool.map(ask, range(50)))


def test_fifty_callers_at_once_fetch_once_and_so_do_fifty_with_an_unknown_signature(keys, publisher):
    assert fifty(keys.current_keys) == [(FIRST,)] * 50
    assert len(publisher.asked) == 1

    publisher.body = jwks(SECOND)
    assert fifty(lambda: keys.newer_than((FIRST,))) == [(SECOND,)] * 50
    assert len(publisher.asked) == 2


def test_fifty_callers_do_not_wait_one_after_the_other_for_a_server_that_never_answers(
    publisher, tmp_path, monkeypatch
):
    """Each fetch outlasts the pause between two tries; those who waited for it must not repeat it."""
    monkeypatch.setattr(signing_keys, "FETCH_S", 0.3)
    monkeypatch.setattr(signing_keys, "RETRY_EVERY", timedelta(seconds=0.2))
    publisher.go.clear()

    assert (
        fifty(FalSigningKeys(publisher.url, tmp_path / "keys.json", Clock()).current_keys)
        == [KeysUnavailable] * 50
    )
    assert len(publisher.asked) == 1
