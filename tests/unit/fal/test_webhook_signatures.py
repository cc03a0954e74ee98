"""Is a delivery genuine, and what does it say? Header syntax, signatures, staleness, bodies, tokens.

The header cases are those that every receiver of signed webhooks has to get right (Standard
Webhooks 1.0.0), for fal's headers and Ed25519.
"""

import hashlib
import json
from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from backend.domain.errors import DeliveryRefused
from backend.providers.base import Errored, Finished
from backend.providers.fal import webhook
from backend.providers.fal.signing_keys import parse_jwks
from backend.providers.fal.webhook import read_body, read_headers, verify
from backend.services.lifecycle.webhook_target import job_token, token_matches

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key().public_bytes_raw()
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key().public_bytes_raw()
REQUEST_ID = "019d9e0b-6eb0-7920-8000-0123456789ab"
BODY = json.dumps(
    {
        "request_id": REQUEST_ID,
        "gateway_request_id": "gw-1",
        "status": "OK",
        "payload": {"video": {"url": "https://v3.fal.media/files/b/x.mp4", "file_size": 4096}},
    }
).encode()
#: The signature of the fixed delivery below, by the key of the bytes 0 to 31.
VECTOR = (
    "7527bcacbd0bcc47acf0f803c2b3c98a37ea13dcd4e0b0cb4d1f96625a4412ed"
    "f3729fd302c64f581faa26e4c3ab40d3bce361fdd701fe40da091564e24ac301"
)
NAMES = ("Request-Id", "User-Id", "Timestamp", "Signature")

Headers = list[tuple[str, str]]


def headers(body: bytes = BODY, **given: str) -> Headers:
    """The four headers, signed as fal signs; `given` replaces values afterwards."""
    stamp = str(int(NOW.timestamp()))
    message = "\n".join([REQUEST_ID, "acct", stamp, hashlib.sha256(body).hexdigest()])
    values = {
        "Request-Id": REQUEST_ID,
        "User-Id": "acct",
        "Timestamp": stamp,
        "Signature": KEY.sign(message.encode()).hex(),
    }
    return [
        (f"X-Fal-Webhook-{name}", given.get(name.replace("-", "_"), value)) for name, value in values.items()
    ]


def believed(lines: Headers, body: bytes = BODY, keys: tuple[bytes, ...] = (PUBLIC,)) -> bool:
    """Would this delivery be taken for fal's?"""
    try:
        return verify(read_headers(lines), body, keys=keys)
    except DeliveryRefused:
        return False


# -- the signature ----------------------------------------------------------------------------


def test_a_delivery_as_fal_signs_it_is_believed():
    assert believed(headers())


def test_a_fixed_delivery_verifies_for_ever():
    """Written down once: whoever changes the message that is signed, loses every webhook."""
    assert PUBLIC.hex() == "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8"
    lines = [
        ("X-Fal-Webhook-Request-Id", "req-1"),
        ("X-Fal-Webhook-User-Id", "user-1"),
        ("X-Fal-Webhook-Timestamp", "1790000000"),
        ("X-Fal-Webhook-Signature", VECTOR),
    ]

    assert believed(lines, b'{"status":"OK"}')


def test_the_names_of_the_headers_are_known_in_any_case():
    assert believed([(name.upper(), value) for name, value in headers()])
    assert believed([(name.lower(), value) for name, value in headers()])


def test_other_headers_do_not_matter():
    assert believed([("Host", "x"), ("Host", "y"), *headers(), ("X-Fal-Webhook-Else", "z")])


def test_a_signature_in_capitals_is_the_same_number():
    lines = headers()

    assert believed([*lines[:3], (lines[3][0], lines[3][1].upper())])


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_header_is_refused(name):
    lines = [line for line in headers() if not line[0].endswith(name)]

    with pytest.raises(DeliveryRefused, match=name):
        read_headers(lines)


@pytest.mark.parametrize("name", NAMES)
def test_a_doubled_header_is_refused_even_with_the_same_value(name):
    lines = headers()
    twice = next(line for line in lines if line[0].endswith(name))

    with pytest.raises(DeliveryRefused, match=name):
        read_headers([*lines, (twice[0].lower(), twice[1])])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "value", ["", " ", "\n", "a b", "x\ny", "x\0", "ü", "x" * 201, "\u2028", "a\tb"], ids=ascii
)
def test_a_header_with_what_no_header_holds_is_refused(name, value):
    with pytest.raises(DeliveryRefused, match=name):
        read_headers(headers(**{name.replace("-", "_"): value}))


@pytest.mark.parametrize(
    "stamp",
    [
        "nan", "inf", "1e309", "1e9", "1_700", " 1700", "1700 ", "+1700", "-1700", "0x1f", "17.5",
        "1234567890123", "١٧٠٠", "１７００", "²", "True",
    ],
)  # fmt: skip
def test_a_time_that_is_no_plain_number_of_seconds_is_refused(stamp):
    with pytest.raises(DeliveryRefused, match="Timestamp"):
        read_headers(headers(Timestamp=stamp))


@pytest.mark.parametrize(
    "signature",
    ["00" * 63, "00" * 65, "0x" + "00" * 63, "zz" * 64, "v1," + "00" * 64, "٠" * 128, "00" * 64 + "\n"],
)
def test_a_signature_of_another_shape_is_refused(signature):
    with pytest.raises(DeliveryRefused, match="Signature"):
        read_headers(headers(Signature=signature))


def test_a_well_formed_signature_of_nobody_is_not_believed():
    assert not believed(headers(Signature="00" * 64))


def test_a_signature_over_the_body_written_anew_is_not_believed():
    assert not believed(headers(), json.dumps(json.loads(BODY), indent=1).encode())


def test_every_flipped_bit_of_the_body_is_noticed():
    lines = headers()
    for place in range(len(BODY)):
        for bit in (1, 0x80):
            altered = bytearray(BODY)
            altered[place] ^= bit
            assert not believed(lines, bytes(altered)), place


@pytest.mark.parametrize("at", range(4), ids=NAMES)
def test_every_altered_character_of_a_header_is_noticed(at):
    lines = headers()
    name, value = lines[at]
    for place in range(len(value)):
        for bit in (1, 2, 16):
            other = chr(ord(value[place]) ^ bit)
            if other.lower() == value[place].lower():
                continue
            altered = value[:place] + other + value[place + 1 :]
            assert not believed([*lines[:at], (name, altered), *lines[at + 1 :]]), (name, place)


def test_the_parts_of_the_message_can_not_be_shifted_into_each_other():
    """Were they joined without a mark, `ab` + `c` would sign for `a` + `bc`."""
    assert not believed(headers(Request_Id=REQUEST_ID + "a", User_Id="cct"))


def test_any_one_of_several_keys_may_match_so_that_keys_can_be_rotated():
    assert believed(headers(), keys=(OTHER, PUBLIC))
    assert believed(headers(), keys=(PUBLIC, OTHER))
    assert not believed(headers(), keys=(OTHER,))
    assert not believed(headers(), keys=())


def test_a_broken_key_among_good_ones_disturbs_nothing():
    assert believed(headers(), keys=(b"short", b"", bytes(32), b"\xff" * 32, PUBLIC))


def test_a_key_without_padding_is_read():
    x = urlsafe_b64encode(PUBLIC).rstrip(b"=").decode()
    assert len(x) == 43

    keys = parse_jwks(json.dumps({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": x}]}).encode())

    assert believed(headers(), keys=keys)


# -- the time ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("off_s", "stale"), [(0, False), (299, False), (300, False), (301, True)])
@pytest.mark.parametrize("sign", [1, -1], ids=["late", "early"])
def test_a_delivery_more_than_300_seconds_off_is_stale_and_not_refused(off_s, stale, sign):
    signed = read_headers(headers())

    assert signed.is_stale(NOW + sign * timedelta(seconds=off_s)) is stale
    assert verify(signed, BODY, keys=(PUBLIC,))


@pytest.mark.parametrize("stamp", ["0", "999999999999", "253402300800"])
def test_a_time_of_another_age_is_stale_and_breaks_nothing(stamp):
    assert read_headers(headers(Timestamp=stamp)).is_stale(NOW)


# -- the body ---------------------------------------------------------------------------------


def said(**value: Any) -> webhook.WebhookBody:
    return read_body(json.dumps({"request_id": "r-1", **value}).encode())


def test_a_finished_request_gives_its_link_and_size():
    told = read_body(BODY)

    assert (told.request_id, told.gateway_request_id, told.status) == (REQUEST_ID, "gw-1", "OK")
    assert isinstance(told.outcome, Finished)
    assert told.outcome.url == "https://v3.fal.media/files/b/x.mp4"
    assert told.outcome.size_bytes == 4096


def test_a_failed_request_gives_the_innermost_reason_and_not_the_outer_number():
    detail = [{"type": "content_policy_violation", "msg": "flagged", "loc": ["body", "prompt"], "input": "x"}]

    outcome = said(status="ERROR", error="Invalid status code: 422", payload={"detail": detail}).outcome

    assert isinstance(outcome, Errored)
    assert outcome.code == "content_policy_violation"
    assert "safety filter" in outcome.message
    assert "422" not in outcome.message


@pytest.mark.parametrize("payload", [None, "text", [], {}, {"detail": None}])
def test_a_failure_without_words_is_told_by_its_outer_error(payload):
    outcome = said(status="ERROR", error="Invalid status code: 500", payload=payload).outcome

    assert isinstance(outcome, Errored)
    assert outcome.message in ("Invalid status code: 500", "text")


@pytest.mark.parametrize(
    "value",
    [
        {"status": "OK", "payload": None, "payload_error": "Response payload is not JSON serializable"},
        {"status": "OK", "payload": {"video": {"url": "https://x/y.mp4"}}, "payload_error": "cut"},
        {"status": "OK", "payload": None},
        {"status": "OK"},
        {"status": "OK", "payload": {"images": []}},
        {"status": "PARTIAL", "payload": {"video": {"url": "https://x/y.mp4"}}},
        {"status": "ok", "payload": {"video": {"url": "https://x/y.mp4"}}},
        {"status": None},
        {"status": 7},
        {},
    ],
)
def test_what_says_neither_video_nor_failure_has_to_be_asked_for(value):
    told = said(**value)

    assert told.request_id == "r-1"
    assert told.outcome is None


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"null", b"[]", b'"x"', b"7", b"<html>", b"\xff\xfe", b"{}", b'{"request_id": 7}',
        b'{"request_id": null, "status": "OK"}', b"[" * 100_000, b'{"a":' * 100_000, BODY[:-5], b"\0" * 50,
        b'{"request_id": "x", "n": ' + b"9" * 5000 + b"}",
    ],
    ids=lambda body: ascii(body[:24]),
)  # fmt: skip
def test_a_body_that_can_not_be_read_is_no_crash(body):
    told = read_body(body)

    assert told.status == "unreadable"
    assert told.outcome is None


@pytest.mark.parametrize("request_id", ["", "a b", "x\n", "x\0", "ü", "x" * 201, "\ud800"])
def test_a_request_id_that_can_not_be_kept_counts_as_none(request_id):
    assert said(request_id=request_id, status="OK").request_id is None


def test_words_of_the_provider_can_be_kept_in_a_database():
    """NUL and half characters are JSON, and no database takes them."""
    told = said(status="NE\0W\ud800" + "x" * 99, gateway_request_id="g\0\udfff" + "y" * 999)

    assert "\0" not in told.status
    assert len(told.status.encode()) <= 44
    assert told.gateway_request_id is not None
    assert "\0" not in told.gateway_request_id
    assert len(told.gateway_request_id) <= 200
    assert told.gateway_request_id.encode()


def test_the_last_of_two_values_counts_as_everywhere_in_json():
    assert read_body(b'{"request_id": "a", "request_id": "b", "status": "OK"}').request_id == "b"


@given(st.binary(max_size=200))
def test_no_bytes_whatever_make_reading_fail(body):
    assert read_body(body).status


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(status=st.sampled_from(["OK", "ERROR", "NEW"]), payload=JSON, error=JSON)
def test_no_json_whatever_makes_reading_fail(status, payload, error):
    told = said(status=status, payload=payload, error=error)

    assert told.status == status


# -- the token --------------------------------------------------------------------------------


def test_a_token_fits_its_own_job_and_secret_alone():
    token = job_token("s" * 32, "job-1")

    assert token_matches("s" * 32, "job-1", token)
    assert not token_matches("s" * 32, "job-2", token)
    assert not token_matches("t" * 32, "job-1", token)


@pytest.mark.parametrize("token", ["", "x", "ü", "\ud800", "\0", "x" * 5000])
def test_any_other_text_is_no_token(token):
    assert not token_matches("s" * 32, "job-1", token)


def test_a_token_has_256_bits_and_fits_into_a_url():
    token = job_token("s" * 32, "job-1")

    assert len(token) == 43
    assert token.replace("-", "").replace("_", "").isalnum()


def test_one_altered_character_is_one_too_many():
    token = job_token("s" * 32, "job-1")
    for place, char in enumerate(token):
        other = "A" if char != "A" else "B"
        assert not token_matches("s" * 32, "job-1", token[:place] + other + token[place + 1 :])
