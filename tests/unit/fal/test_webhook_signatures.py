"""Is a delivery genuine, and what does it say? Header syntax, signatures, staleness, bodies.

The header cases are those that every receiver of signed webhooks has to get right (Standard
Webhooks 1.0.0), for fal's headers and Ed25519.
"""

import json
from datetime import UTC, datetime, timedelta

import pytest

from backend.domain.errors import DeliveryRefused
from backend.domain.output_files import OutputFile
from backend.providers.base import Errored, Finished, WebhookBody
from backend.providers.fal.webhook import read_body, read_headers, verify
from tests import signing

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
PUBLIC, OTHER = signing.public(signing.FIRST_KEY), signing.public(signing.SECOND_KEY)
REQUEST_ID = "019d9e0b-6eb0-7920-8000-0123456789ab"
LINK = "https://v3.fal.media/files/b/x.mp4"
VIDEO = {"video": {"url": LINK, "file_size": 4096}}
BODY = json.dumps(
    {"request_id": REQUEST_ID, "gateway_request_id": "gw-1", "status": "OK", "payload": VIDEO}
).encode()
#: A delivery written down once, and signed by the key of the bytes 0 to 31.
VECTOR_KEY = bytes.fromhex("03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8")
VECTOR = {
    "Request-Id": "req-1",
    "User-Id": "user-1",
    "Timestamp": "1790000000",
    "Signature": "7527bcacbd0bcc47acf0f803c2b3c98a37ea13dcd4e0b0cb4d1f96625a4412ed"
    "f3729fd302c64f581faa26e4c3ab40d3bce361fdd701fe40da091564e24ac301",
}


def headers(**given):
    """The four headers, signed as fal signs; `given` replaces values afterwards."""
    values = signing.signed(BODY, request_id=REQUEST_ID, user_id="acct", at=NOW)
    return list((values | {f"X-Fal-Webhook-{name}": value for name, value in given.items()}).items())


def believed(lines, body=BODY, keys=(PUBLIC,)):
    """Would this delivery be taken for fal's?"""
    try:
        return verify(read_headers(lines), body, keys=keys)
    except DeliveryRefused:
        return False


# -- the signature ----------------------------------------------------------------------------


def test_a_delivery_as_fal_signs_it_is_believed_however_its_headers_are_written():
    lines = headers()
    (name, signature) = lines[3]
    for written in (
        lines,
        [(name.upper(), value) for name, value in lines],
        [(name.lower(), value) for name, value in lines],
        [("Host", "x"), ("Host", "y"), *lines, ("X-Fal-Webhook-Else", "z")],
        [*lines[:3], (name, signature.upper())],
    ):
        assert believed(written), written


def test_a_fixed_delivery_verifies_for_ever():
    """Written down once: whoever changes the message that is signed, loses every webhook."""
    assert believed(headers(**VECTOR), b'{"status":"OK"}', keys=(VECTOR_KEY,))


@pytest.mark.parametrize("name", VECTOR)
def test_a_header_that_is_missing_or_doubled_even_with_the_same_value_is_refused(name):
    lines = headers()
    (one,) = [line for line in lines if line[0].endswith(name)]
    for wrong in (set(lines) - {one}, [*lines, (one[0].lower(), one[1])]):
        with pytest.raises(DeliveryRefused, match=name):
            read_headers(wrong)


#: What no header holds, what is no plain number of seconds, and signatures of another shape.
MALFORMED = [
    (tuple(VECTOR), ["", " ", "\n", "a b", "x\ny", "x\0", "ü", "x" * 201, "\u2028", "a\tb"]),
    (("Timestamp",), ["nan", "inf", "1e309", "1e9", "1_700", " 1700", "1700 ", "+1700", "-1700", "0x1f",
                      "17.5", "1234567890123", "١٧٠٠", "１７００", "²", "True"]),
    (("Signature",), ["00" * 63, "00" * 65, "0x" + "00" * 63, "zz" * 64, "v1," + "00" * 64, "٠" * 128,
                      "00" * 64 + "\n"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for names, values in MALFORMED for name in names for value in values],
    ids=ascii,
)
def test_a_header_that_is_malformed_is_refused_by_its_name(name, value):
    with pytest.raises(DeliveryRefused, match=name):
        read_headers(headers(**{name: value}))


def test_what_was_not_signed_as_it_stands_is_not_believed():
    lines = headers()
    rewritten = json.dumps(json.loads(BODY), indent=1).encode()
    assert not believed(headers(Signature="00" * 64)), "a well-formed signature of nobody"
    assert not believed(lines, rewritten), "the body written anew"
    # Were the parts joined without a mark, `ab` + `c` would sign for `a` + `bc`.
    assert not believed(headers(**{"Request-Id": REQUEST_ID + "a", "User-Id": "cct"}))
    for place, byte in enumerate(BODY):
        for bit in (1, 0x80):
            altered = bytes([*BODY[:place], byte ^ bit, *BODY[place + 1 :]])
            assert not believed(lines, altered), place
    for at, (name, value) in enumerate(lines):
        for place, char in enumerate(value):
            for other in (chr(ord(char) ^ bit) for bit in (1, 2, 16)):
                altered = (name, value[:place] + other + value[place + 1 :])
                same = other.lower() == char.lower()
                assert same or not believed([*lines[:at], altered, *lines[at + 1 :]]), altered


@pytest.mark.parametrize(
    ("keys", "fits"),
    [
        ((OTHER, PUBLIC), True), ((PUBLIC, OTHER), True), ((OTHER,), False), ((), False),
        ((b"short", b"", bytes(32), b"\xff" * 32, PUBLIC), True),
    ],
    ids=["rotated", "rotated back", "another", "none", "broken ones too"],
)  # fmt: skip
def test_any_one_of_several_keys_may_match_and_a_broken_one_disturbs_nothing(keys, fits):
    assert believed(headers(), keys=keys) is fits


def test_a_delivery_more_than_300_seconds_off_is_stale_and_not_refused():
    signed = read_headers(headers())
    assert verify(signed, BODY, keys=(PUBLIC,))
    for off_s, stale in ((0, False), (299, False), (300, False), (301, True)):
        for moment in (NOW + timedelta(seconds=off_s), NOW - timedelta(seconds=off_s)):
            assert signed.is_stale(moment) is stale, moment
    for another_age in ("0", "999999999999", "253402300800"):
        assert read_headers(headers(Timestamp=another_age)).is_stale(NOW)


# -- the body ---------------------------------------------------------------------------------


def said(**value):
    return read_body(json.dumps({"request_id": "r-1", **value}).encode())


def test_a_finished_request_gives_its_link_and_size():
    assert read_body(BODY) == WebhookBody(
        REQUEST_ID, "gw-1", "OK", Finished([OutputFile("video", LINK, 4096)], VIDEO)
    )


FLAGGED = {"detail": [{"type": "content_policy_violation", "msg": "x", "loc": ["body", "prompt"]}]}


@pytest.mark.parametrize(
    ("payload", "message"),
    [(FLAGGED, "safety filter"), ("text", "text")]
    + [(payload, "Invalid status code: 422") for payload in (None, [], {}, {"detail": None})],
)
def test_a_failed_request_gives_the_innermost_reason_and_the_outer_number_only_without_one(payload, message):
    outcome = said(status="ERROR", error="Invalid status code: 422", payload=payload).outcome
    assert isinstance(outcome, Errored)
    assert message in outcome.message
    assert ("422" in outcome.message) == ("422" in message)
    assert (outcome.code == "content_policy_violation") == (payload is FLAGGED)


@pytest.mark.parametrize(
    "value",
    [
        {"status": "OK", "payload": None, "payload_error": "Response payload is not JSON serializable"},
        {"status": "OK", "payload": VIDEO, "payload_error": "cut"},
        {"status": "OK", "payload": None}, {"status": "OK"}, {"status": "OK", "payload": {"images": []}},
        {"status": "PARTIAL", "payload": VIDEO}, {"status": "ok", "payload": VIDEO},
        {"status": None}, {"status": 7}, {},
    ],
)  # fmt: skip
def test_what_says_neither_video_nor_failure_has_to_be_asked_for(value):
    told = said(**value)
    assert (told.request_id, told.outcome) == ("r-1", None)


def test_what_can_not_be_kept_in_a_database_counts_as_none_or_is_left_out():
    """NUL and half characters are JSON, and no database takes them."""
    for request_id in ("", "a b", "x\n", "x\0", "ü", "x" * 201, "\ud800"):
        assert said(request_id=request_id, status="OK").request_id is None
    told = said(status="NE\0W\ud800" + "x" * 99, gateway_request_id="g\0\udfff" + "y" * 999)
    for words, most in ((told.status, 44), (told.gateway_request_id, 200)):
        assert "\0" not in words
        assert len(words.encode()) <= most


def test_the_last_of_two_values_counts_as_everywhere_in_json():
    assert read_body(b'{"request_id": "a", "request_id": "b", "status": "OK"}').request_id == "b"
