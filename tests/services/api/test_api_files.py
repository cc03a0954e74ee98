"""The HTTP API: photos go up, files come down by signed links."""

import hashlib
import io
from urllib.parse import unquote, urlsplit

import pytest
from werkzeug.test import TestResponse

from backend.services.gallery import signed_links
from tests.services.client import MIB, at_fault, said
from tests.world import picture


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_photo_is_kept_once_and_can_be_looked_at(sidecar, kind):
    answer = sidecar.upload(picture(kind))
    told = answer.get_json()
    assert (answer.status_code, told["width"], told["height"]) == (201, 640, 480)
    seen = sidecar.get(told["url"], who=None)
    assert seen.content_type == told["content_type"]
    assert hashlib.sha256(seen.get_data()).hexdigest() == told["sha256"]
    assert sidecar.upload(picture(kind)).get_json()["id"] == told["id"]


def test_what_is_no_photo_or_no_file_is_refused_by_its_field_and_leaves_nothing(sidecar):
    svg = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"
    for content in (b"", b"text", svg, picture("GIF"), picture()[:900], picture("PNG")[:200]):
        assert list(at_fault(sidecar.upload(content))) == ["file"], content[:9]
    for data in ({}, {"photo": (io.BytesIO(b"x"), "x.jpg")}, {"file": "text"}, b"raw"):
        answer = sidecar.call("ana", "POST", "/api/video/upload", data=data)
        assert list(at_fault(answer)) == ["file"], data
    assert list(sidecar.deps.storage.list_keys()) == []
    assert list(sidecar.deps.settings.parts_dir.iterdir()) == []


@pytest.mark.parametrize("extra", [1, 2 * MIB])
def test_a_photo_over_32_mebibytes_is_too_large(sidecar, extra):
    content = picture() + b"\0" * (32 * MIB + extra)
    assert said(sidecar.upload(content), 413)["code"] == "too_large"


def test_the_name_of_a_file_is_only_text_to_show(sidecar):
    for name in ("../../etc/passwd", "C:\\evil\\x.jpg", "a\u202egpj.exe", "<b>.jpg", "x" * 999):
        told = sidecar.upload(picture(), name).get_json()
        assert not set("/\\\u202e") & set(told["file_name"]), name
        assert len(told["file_name"]) <= 120
    assert list(sidecar.deps.storage.list_keys()) == [f"uploads/{told['sha256']}.jpg"]


def test_a_file_comes_in_parts_and_what_the_client_has_is_not_sent_again(sidecar, link):
    def asked(**lines: str) -> TestResponse:
        return sidecar.get(link, who=None, headers={name.replace("_", "-"): lines[name] for name in lines})

    part = asked(Range="bytes=10-14")
    assert (part.status_code, part.get_data()) == (206, b"01234")
    assert part.headers["Content-Range"] == "bytes 10-14/1000"
    assert part.headers["Accept-Ranges"] == "bytes"
    assert asked(Range="bytes=-3").get_data() == b"789"
    past = asked(Range="bytes=1000-")
    said(past, 416)
    assert past.headers["Content-Range"] == "bytes */1000"

    tag = asked().headers["ETag"]
    assert urlsplit(link).path.split("/")[-1].removesuffix(".mp4") in tag
    again = asked(If_None_Match=tag)
    assert (again.status_code, again.get_data()) == (304, b"")


def test_head_tells_all_but_the_bytes_and_a_file_is_only_ever_what_we_say_that_it_is(sidecar, link):
    answer = sidecar.call(None, "HEAD", link)
    assert (answer.status_code, answer.get_data()) == (200, b"")
    assert (answer.headers["Content-Length"], answer.content_type) == ("1000", "video/mp4")
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cache-Control"].startswith("private, max-age=")


def test_an_altered_link_opens_nothing(sidecar, link):
    path, _, query = link.partition("?")
    expires, signature = (part.split("=", 1)[1] for part in query.split("&"))
    other = ("B" if signature[0] == "A" else "A") + signature[1:]
    for bad in (
        path, f"{path}?e={expires}", f"{path}?s={signature}", f"{path}?e={int(expires) + 1}&s={signature}",
        f"{path}?e={expires}&s={other}", f"{path}?e={expires}&s={signature[:-1]}", f"{path}?e=&s=",
        f"{path}?e={'9' * 5000}&s={signature}", f"{path}?e=%D9%A1&s=%00%FF",
        f"{path.replace('.mp4', '.webp')}?{query}",
    ):  # fmt: skip
        said(sidecar.get(bad, who=None), 403)


def test_a_link_lives_at_least_twelve_hours_and_not_a_day_longer(sidecar, link):
    sidecar.clock.pass_s(12 * 3600 - 1)
    assert sidecar.get(link, who=None).status_code == 200
    sidecar.clock.pass_s(12 * 3600 + 2)
    said(sidecar.get(link, who=None), 403)


def test_a_key_that_leads_out_of_the_storage_is_not_there_even_when_signed(sidecar):
    (sidecar.deps.settings.data_dir / "secret_key").touch()
    expires = str(int(sidecar.clock.now().timestamp()) + 60)
    for key in (
        "../secret_key", "..%2fsecret_key", "%2e%2e/secret_key", "uploads/../../secret_key", "/etc/passwd",
        "%2fetc%2fpasswd", "..", ".", "a\\..\\b", "%00", "x%00.mp4", ".hidden", "uploads/.hidden", "a//b",
        "a" * 3000,
    ):  # fmt: skip
        mark = signed_links._signature(sidecar.deps, unquote(key), expires)
        said(sidecar.get(f"/media/{key}?e={expires}&s={mark}", who=None, follow_redirects=True), 404)


def test_a_file_that_is_missing_on_disk_is_not_found_and_says_what_happens_next(sidecar, link):
    sidecar.deps.storage.remove(urlsplit(link).path.removeprefix("/media/"))
    assert "fetched again" in said(sidecar.get(link, who=None), 404)["message"]
