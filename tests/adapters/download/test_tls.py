"""A secure line that breaks in the middle of an answer: trouble of the line, told as an error of ours."""

import json
import os
import socket

import certifi
import pytest
import urllib3.exceptions

from backend.domain.errors import (
    CatalogueUnavailable,
    KeysUnavailable,
    ProviderBusy,
    ProviderUnsent,
    StorageDown,
)  # fmt: skip
from backend.media.storage import s3_client
from backend.media.storage.s3 import S3Storage
from backend.providers.base import RequestRef
from backend.providers.fal import listing_pages
from tests.providers.provider_cases import fal_at

BODY = json.dumps({"models": [], "has_more": False, "video": {"url": "x" * 50_000}}).encode()
#: A record of TLS whose seal is wrong.
ALTERED = b"\x17\x03\x03\x00\x40" + bytes(64)
REF = RequestRef("a/model", "r")


def breaks(exchange):
    """Half of the body comes; then somebody on the way alters what follows."""
    exchange.send(f"HTTP/1.1 200 OK\r\nContent-Length: {len(BODY)}\r\n\r\n".encode() + BODY[: len(BODY) // 2])
    with socket.socket(fileno=os.dup(exchange.sock.fileno())) as under_it:
        under_it.sendall(ALTERED)


@pytest.fixture
def secure(secure_media, authority, monkeypatch):
    """A server of https that everybody here trusts."""
    monkeypatch.setenv("AWS_CA_BUNDLE", str(authority / "ca.pem"))
    monkeypatch.setattr(certifi, "where", lambda: str(authority / "ca.pem"))
    return secure_media("localhost")


def test_an_object_whose_line_breaks_is_trouble_and_never_the_end_of_the_file(secure):
    bucket = s3_client.Bucket("films", endpoint=secure.at("", breaks), access_key="k", secret_key="s")
    with S3Storage(bucket).open("a.mp4") as file, pytest.raises(StorageDown, match="can't be used"):
        file.read()
    assert [one.path for one in secure.requests] == ["/films/a.mp4"]


def test_fals_answers_whose_line_breaks_are_asked_for_later(secure, monkeypatch):
    monkeypatch.setattr(listing_pages, "FIRST_WAIT_S", 0.01)
    fal = fal_at(secure.at("", breaks))
    for question in (fal.status, fal.result):
        with pytest.raises(ProviderBusy):
            question(REF)
    with pytest.raises(CatalogueUnavailable, match="could not be asked"):
        fal.fetch_catalogue(on_progress=str)
    assert len(secure.requests) == 2 + 1 + listing_pages.MAX_RETRIES


@pytest.mark.parametrize("shown", ["localhost", "other"], ids=["unknown authority", "another name"])
def test_a_provider_that_can_not_show_who_it_is_is_sent_nothing_by_any_call(
    secure_media, authority, monkeypatch, shown
):
    if shown == "other":
        monkeypatch.setattr(certifi, "where", lambda: str(authority / "ca.pem"))
    server = secure_media(shown)
    fal = fal_at(server.at("", lambda exchange: exchange.answer("200 OK", b"{}")))

    for error, call in (
        (ProviderUnsent, lambda: fal.submit("a/model", {"prompt": "A red dress"}, webhook_url=None)),
        (ProviderBusy, lambda: fal.status(REF)),
        (ProviderBusy, fal.key_works),
        (ProviderUnsent, lambda: fal.upload(b"\xff\xd8\xff", "image/jpeg", "x.jpg")),
        (KeysUnavailable, fal.load_signing_keys),
    ):
        with pytest.raises(error):
            call()
    assert server.requests == []


def test_a_provider_that_shows_who_it_is_is_asked(secure):
    fal = fal_at(secure.at("", lambda exchange: exchange.answer("200 OK", b'{"request_id": "r-1"}')))
    assert fal.submit("a/model", {}, webhook_url=None).request_id == "r-1"
    assert fal.key_works()


def test_control_a_build_that_knows_the_bucket_librarys_errors_alone_would_be_caught(secure, monkeypatch):
    monkeypatch.setattr(s3_client, "HTTPError", type("Never", (Exception,), {}))
    with pytest.raises(urllib3.exceptions.SSLError):
        test_an_object_whose_line_breaks_is_trouble_and_never_the_end_of_the_file(secure)
