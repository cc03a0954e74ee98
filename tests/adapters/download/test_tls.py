"""A secure line that breaks in the middle of an answer: trouble of the line, told as an error of ours."""

import json
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import certifi
import pytest
import urllib3.exceptions

from backend.domain.clock import Clock
from backend.domain.errors import (
    CatalogueUnavailable,
    KeysUnavailable,
    ProviderBusy,
    ProviderUnsent,
    StorageDown,
)
from backend.media.storage import s3_client
from backend.media.storage.s3 import S3Storage
from backend.media.storage.s3_client import Bucket
from backend.providers.base import RequestRef
from backend.providers.fal import listing_pages
from backend.providers.fal.client import FalProvider
from backend.providers.fal.signing_keys import FalSigningKeys

BODY = json.dumps({"models": [], "has_more": False, "video": {"url": "x" * 50_000}}).encode()
#: A record of TLS whose seal is wrong.
ALTERED = b"\x17\x03\x03\x00\x40" + bytes(64)


def breaks(exchange: Any) -> None:
    """Half of the body comes; then somebody on the way alters what follows."""
    exchange.send(f"HTTP/1.1 200 OK\r\nContent-Length: {len(BODY)}\r\n\r\n".encode() + BODY[: len(BODY) // 2])
    with socket.socket(fileno=os.dup(exchange.sock.fileno())) as under_it:
        under_it.sendall(ALTERED)


@pytest.fixture
def secure(secure_media: Callable[[str], Any], authority: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A server of https that everybody here trusts."""
    monkeypatch.setenv("AWS_CA_BUNDLE", str(authority / "ca.pem"))
    monkeypatch.setattr(certifi, "where", lambda: str(authority / "ca.pem"))
    return secure_media("localhost")


def fal_at(url: str, folder: Path) -> FalProvider:
    keys = FalSigningKeys(f"{url}/jwks.json", folder / "keys.json", Clock())
    return FalProvider(key="id:secret", queue_url=url, rest_url=url, api_url=url, signing_keys=keys)


def test_an_object_whose_line_breaks_is_trouble_and_never_the_end_of_the_file(secure: Any) -> None:
    storage = S3Storage(Bucket("films", endpoint=secure.at("", breaks), access_key="k", secret_key="s"))

    with storage.open("a.mp4") as file, pytest.raises(StorageDown, match="can't be used"):
        file.read()

    assert [one.path for one in secure.requests] == ["/films/a.mp4"]


def test_fals_answers_whose_line_breaks_are_asked_for_later(
    secure: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(listing_pages, "FIRST_WAIT_S", 0.01)
    url = secure.at("", breaks)
    fal, ref = fal_at(url, tmp_path), RequestRef("a/model", "r")

    for question in (fal.status, fal.result):
        with pytest.raises(ProviderBusy):
            question(ref)
    with pytest.raises(CatalogueUnavailable, match="could not be asked"):
        fal.fetch_catalogue(on_progress=lambda line: None)

    assert len(secure.requests) == 2 + 1 + listing_pages.MAX_RETRIES


@pytest.mark.parametrize("why", ["nobody knows its authority", "its name is another"])
def test_a_provider_that_can_not_show_who_it_is_is_sent_nothing_by_any_call(
    secure_media: Any, authority: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, why: str
) -> None:
    server = secure_media("localhost")
    if why == "its name is another":
        server = secure_media("other")
        monkeypatch.setattr(certifi, "where", lambda: str(authority / "ca.pem"))
    fal = fal_at(server.at("", lambda exchange: exchange.answer("200 OK", b"{}")), tmp_path)

    with pytest.raises(ProviderUnsent):
        fal.submit("a/model", {"prompt": "A red dress"}, webhook_url=None)
    with pytest.raises(ProviderBusy):
        fal.status(RequestRef("a/model", "r"))
    with pytest.raises(ProviderBusy):
        fal.key_works()
    with pytest.raises(ProviderUnsent):
        fal.upload(b"\xff\xd8\xff", "image/jpeg", "x.jpg")
    with pytest.raises(KeysUnavailable):
        fal.load_signing_keys()
    assert server.requests == []


def test_a_provider_that_shows_who_it_is_is_asked(secure: Any, tmp_path: Path) -> None:
    url = secure.at("", lambda exchange: exchange.answer("200 OK", b'{"request_id": "r-1"}'))

    assert fal_at(url, tmp_path).submit("a/model", {}, webhook_url=None).request_id == "r-1"
    assert fal_at(url, tmp_path).key_works()


def test_control_a_build_that_knows_the_bucket_librarys_errors_alone_would_be_caught(
    secure: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Never(Exception):
        """Nobody raises it."""

    monkeypatch.setattr(s3_client, "HTTPError", Never)
    with pytest.raises(urllib3.exceptions.SSLError):
        test_an_object_whose_line_breaks_is_trouble_and_never_the_end_of_the_file(secure)
