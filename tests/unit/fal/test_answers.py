"""What fal's answers say: results, errors, listings; and that no answer whatever breaks the reader."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.domain.output_files import find_files
from backend.providers import answer_body
from backend.providers.base import Errored, Finished, Unclear
from backend.providers.fal import answers, webhook

LINK = "https://v3b.fal.media/files/b/x/out.mp4"


# -- JSON -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b"", b" ", b"{", b"<html>502</html>", b'{"a": }', b"\xff", b"\xc3(", b"\0", b"[" * 100_000,
        b'{"a":' * 100_000, b'{"n": ' + b"9" * 5000 + b"}", "\ud800", b"[" * 600 + b"]" * 600,
        b'{"a":' * 400 + b"1" + b"}" * 400, b"[" * 61 + b"]" * 61, b'["\\"", ' + b"[" * 200_000,
    ],
    ids=lambda body: f"{body[:12]!a}-{len(body)}",
)  # fmt: skip
def test_what_is_no_json_that_can_be_worked_with_is_none(body):
    assert answer_body.parse_json(body) is None


def test_json_is_read_in_any_unicode_coding_without_the_numbers_that_it_does_not_have():
    """As deep as it can be kept; brackets in texts do not count."""
    for value in (json.loads("[" * 60 + "]" * 60), ["[{" * 99, '"\\"' + "[" * 99]):
        assert answer_body.parse_json(json.dumps(value)) == value
    for number in ("NaN", "Infinity", "-Infinity", "1e999", "-1e999"):
        assert answer_body.parse_json(f'{{"a": [{number}, 1.5]}}') == {"a": [None, 1.5]}
    for coding in ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"):
        assert answer_body.parse_json('{"a": "ü"}'.encode(coding)) == {"a": "ü"}


# -- a completed request ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "output",
    [
        {"video": {"url": LINK}}, {"video": LINK}, {"video_url": LINK}, {"videos": [LINK]},
        {"video": [{"url": LINK}]}, {"video": {"url": LINK}, "videos": [{"url": LINK}]},
        {"videos": [None, {"url": None}, {"url": LINK}]}, {"video": None, "videos": [{"url": LINK}]},
        {"video": {"url": ""}, "video_url": LINK}, {"video": f" {LINK}\n"}, {"images": [{"url": LINK}]},
        {"a": {"b": [{"c": LINK.removeprefix("https:")}]}, "input": {"image_url": "https://x/y.png"}},
    ],
)  # fmt: skip
def test_the_file_is_found_wherever_a_model_puts_it(output):
    outcome = answers.parse_result(output, {})
    assert isinstance(outcome, Finished)
    assert ([file.url for file in outcome.files], outcome.output) == ([LINK], output)


@pytest.mark.parametrize(
    ("size", "told"),
    [
        ("4096", 4096), (str(2**63 - 1), 2**63 - 1), (str(2**63), None), ("9" * 4000, None), ("0", None),
        ("-1", None), ("true", None), ("4096.0", None), ('"4096"', None), ("null", None),
    ],
    ids=lambda value: str(value)[:20],
)  # fmt: skip
def test_a_size_is_a_positive_whole_number_that_a_database_takes(size, told):
    value = answer_body.parse_json(f'{{"video": {{"url": "{LINK}", "file_size": {size}}}}}')
    assert [(file.url, file.size_bytes) for file in find_files(value)] == [(LINK, told)]


@pytest.mark.parametrize(
    "link",
    [
        "", "x", "file:///etc/passwd", "javascript:alert(1)", 7, None, "https://x/\0", "https://x/\ud800",
        "https:///y", "https://[x/y", "https://x y/z", f"https://x/{'y' * 9000}", f"See {LINK}.",
    ],
    ids=ascii,
)  # fmt: skip
def test_what_is_no_link_to_fetch_is_no_file(link):
    assert find_files({"video": {"url": link}, "videos": [link], "video_url": link}) == []


@pytest.mark.parametrize("reference", ["gs://bucket/a", "s3://bucket/a.mp4", "/outputs/a.mp4", "a.webm"])
def test_a_reference_that_nobody_can_ask_for_is_left_to_a_person_unless_it_was_free(reference):
    output = {"video": {"url": reference}}
    assert answers.parse_result(output, {}) == Unclear(answers.NO_LINK_TEXT, output)
    free = answers.parse_result(output, {"x-fal-billable-units": "0"})
    assert isinstance(free, Errored)


def test_an_output_in_which_a_person_looks_for_a_link_is_shown_uncut():
    """The link may be the longest text, the last of many, or in the midst of an answer in prose."""
    signed = f"r2://studio/out/{'k' * 3000}.mp4"
    prose = f"{'It was a long way. ' * 200}It lies at https://v3.fal.media/files/a.mp4 now."
    output = {"parts": [f"{n}.mp4" for n in range(50)], "videos": [signed], "said": prose}
    outcome = answers.parse_result(output | {"input": {"prompt": "A red dress"}, "nul": "a\0b"}, {})
    assert outcome == Unclear(answers.NO_LINK_TEXT, output | {"nul": "ab"})


NO_PATH = {"detail": "Path /text-to-video not found"}


@pytest.mark.parametrize(
    "output",
    [
        None, [], "text", 7, {}, {"images": [{}]}, {"videos": {}}, {"videos": "x"},
        {"video": {"url": {}}}, {"video": []}, NO_PATH,
    ],
)  # fmt: skip
def test_a_completed_request_without_a_video_failed_and_shows_what_came_instead(output):
    outcome = answers.parse_result(output, {})
    assert isinstance(outcome, Errored)
    assert (outcome.code, outcome.detail) == ("no_video", output)
    assert outcome.message.startswith("The model finished without a video")
    assert output != NO_PATH or outcome.message.endswith(f": {NO_PATH['detail']}")


@pytest.mark.parametrize(
    ("header", "units"),
    [("8", 8.0), ("0.25", 0.25), ("0", 0.0), ("-1", None), ("nan", None), ("1e309", None), ("x", None)],
)
def test_billable_units_are_a_number_or_unknown(header, units):
    assert answers.parse_result({"video": LINK}, {"x-fal-billable-units": header}).billable_units == units


# -- errors -----------------------------------------------------------------------------------


def model_error(kind, message="no", **more):
    return {"detail": [{"loc": ["body", "prompt"], "msg": message, "type": kind, **more}]}


def test_a_model_error_is_told_in_plain_words_and_never_echoes_the_input():
    ctx = {"input": "SECRET", "field": "prompt"}
    body = model_error("content_policy_violation", input={"prompt": "SECRET PROMPT"}, ctx=ctx)
    failed = answers.model_failure(422, body)
    assert failed.message == answers.ERROR_MESSAGES["content_policy_violation"]
    assert "SECRET" not in json.dumps(failed.detail)
    assert failed.detail["detail"][0]["ctx"] == {"field": "prompt"}


TIMED_OUT = "The model took too long and was stopped."
IN_PROGRESS = "a second request is in progress for this seed"
STOPPED = {"detail": "Client cancelled the request", "error_type": "client_cancelled"}


@pytest.mark.parametrize(
    ("status", "body", "code", "message"),
    [
        (422, model_error("greater_than", "must be more"), "greater_than", "prompt: must be more"),
        (422, model_error("value_error", IN_PROGRESS), "value_error", f"prompt: {IN_PROGRESS}"),
        (422, {"detail": "Unknown voice"}, "http_422", "Unknown voice"),
        (504, {"detail": "Timed out", "error_type": "request_timeout"}, "request_timeout", "Timed out"),
        (499, STOPPED, "client_cancelled", STOPPED["detail"]),
        *((status, model_error("generation_timeout"), "generation_timeout", TIMED_OUT)
          for status in (400, 422, 499, 500, 503, 504)),
    ],
)  # fmt: skip
def test_what_the_model_or_fal_said_is_the_failure_of_the_job_with_any_status(status, body, code, message):
    failed = answers.model_failure(status, body)
    assert (failed.code, failed.message, failed.cancelled) == (code, message, body is STOPPED)
    assert answers.webhook_failure(f"Invalid status code: {status}", body).cancelled == failed.cancelled


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, None), (502, "<html>"), (503, {"detail": "upstream"}), (504, {}), (500, {"error": "x"}),
        (200, model_error("x")), (302, None), (404, {"detail": "Request not found"}), (404, None),
        (403, None), (400, {"detail": "Request is still in progress"}), (410, None),
        (409, {"detail": "busy"}),
        # The question was at fault, and not the job.
        *((status, model_error("internal_server_error")) for status in (401, 408, 425, 429)),
        # What some proxy says.
        *((status, body) for status in (400, 402, 405, 406, 413, 422)
          for body in (None, "a page", {}, {"message": "Bad Request"})),
    ],
)  # fmt: skip
def test_noise_on_the_way_is_no_failure_of_the_job(status, body):
    assert answers.model_failure(status, body) is None


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("plain", "plain"), ("", None), (None, None), (7, None), ([], None), ({}, None),
        ({"detail": "text"}, "text"), ({"detail": 7}, None), ({"detail": []}, None),
        ({"detail": [7, None]}, None),
        ({"detail": [{"msg": "a"}, {"msg": "b", "loc": ["body", "x", 0]}]}, "a; x.0: b"),
        ({"detail": [{}]}, None), ({"error": "text"}, "text"), ({"error": {"message": "deep"}}, "deep"),
        ({"error": {"message": 7}}, None), ({"detail": [{"loc": 5, "msg": "a"}]}, "a"),
        ({"detail": [{"loc": "body", "msg": "a"}]}, "a"), ({"detail": [{"type": [], "msg": {}}]}, None),
        ({"detail": [{"type": {"a": 1}, "msg": None}]}, None),
    ],
)  # fmt: skip
def test_the_words_of_an_error_of_any_shape(body, words):
    assert answers.error_message(body) == words


def test_an_error_is_kept_in_a_bounded_form_that_a_database_takes():
    body = {"detail": [{"msg": "x\0\ud800" * 5000, "type": "a\0b\udfff"}] * 500, "k\0\ud800": "v"}
    failed = answers.model_failure(422, body)
    assert failed.code == "ab?"
    assert len(failed.message) <= answer_body.EXCERPT_CHARS
    kept = json.dumps(failed.detail, ensure_ascii=False)
    assert kept.encode()
    assert "\\u0000" not in kept
    assert len(kept) < 100_000


NAMES = ("detail", "type", "msg", "loc", "input", "error", "message", "error_type", "video", "videos", "url")
SHAPES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8) | st.just(LINK),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=12,
)


@given(body=SHAPES, status=st.integers(100, 599), word=st.sampled_from(["OK", "ERROR"]), noise=st.binary())
def test_no_shape_of_an_answer_or_delivery_breaks_the_reader(body, status, word, noise):
    delivery = {"request_id": "r-1", "status": word, "payload": body, "error": body}
    assert webhook.read_body(json.dumps(delivery).encode()).status == word
    assert webhook.read_body(noise).status
    json.dumps(answers.webhook_failure(body, body).detail)
    answers.model_failure(status, body)
    answers.parse_result(body, {})
    answers.error_message(body)
    answers.error_type(body)
    if isinstance(body, dict):
        answers.parse_request_page({"items": body, "requests": [body], **body})


# -- listings ---------------------------------------------------------------------------------


def test_a_listing_tells_id_input_and_moment_of_each_request():
    noon = "2026-11-01T12:00:00"
    page = {
        "items": [
            {"request_id": "r-1", "sent_at": f"{noon}Z", "json_input": {"prompt": "a"}},
            {"request_id": "r-2", "sent_at": noon, "json_input": '{"prompt": "b"}'},
            {"request_id": "r-3", "sent_at": 7, "json_input": "no JSON"},
            {"request_id": 7},
            "odd",
        ]
    }

    found = [(one.request_id, one.input, one.sent_at) for one in answers.parse_request_page(page)]

    assert found == [
        ("r-1", {"prompt": "a"}, datetime(2026, 11, 1, 12, tzinfo=UTC)),
        ("r-2", {"prompt": "b"}, None),
        ("r-3", None, None),
    ]
    for items in (None, 7, "text", {"a": 1}, [], [[]]):
        assert answers.parse_request_page({"items": items}) == []
