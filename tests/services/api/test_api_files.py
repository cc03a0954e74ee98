"""The HTTP API: photos go up, files come down by signed links."""

import hashlib
import io
import re
import zipfile
from urllib.parse import unquote, urlsplit

import pytest
from werkzeug.test import TestResponse

from backend.domain.errors import MediaBroken
from backend.domain.states import JobEvent
from backend.models import TakeFile
from backend.services.gallery import signed_links
from backend.store.records import take_files
from backend.web.long_answers import AT_ONCE
from tests.services.client import BODY, MIB, PUBLIC, ask_dashboard, at_fault, said, status
from tests.world import PHOTO_MODEL, picture, run_sql

EDGE = "multipart/form-data; boundary=edge"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "HEIF", "AVIF", "GIF"])
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
    for content in (b"", b"text", svg, picture("BMP"), picture()[:900], picture("PNG")[:200]):
        assert list(at_fault(sidecar.upload(content))) == ["file"], content[:9]
    for data in ({}, {"photo": (io.BytesIO(b"x"), "x.jpg")}, {"file": "text"}, b"raw"):
        answer = sidecar.call("ana", "POST", "/api/video/upload", data=data)
        assert at_fault(answer).keys() == {"file", *(data if "photo" in list(data) else ())}, data
    for body in (b"", b"--edge", b"--edge\r\n\r\nno name\r\n--edge--", part(picture())[:-20], b"--edge--"):
        answer = sidecar.call("ana", "POST", "/api/video/upload", data=body, content_type=EDGE)
        assert list(at_fault(answer)) == ["file"], body[-40:]
    assert list(sidecar.deps.storage.list_keys()) == []
    assert list(sidecar.deps.settings.parts_dir.iterdir()) == []


def part(content: bytes, named: str = '; name="file"') -> bytes:
    """A multipart body of one part without a file name."""
    head = f"--edge\r\nContent-Disposition: form-data{named}\r\n\r\n"
    return head.encode() + content + b"\r\n--edge--\r\n"


def test_a_part_without_a_file_name_is_a_photo_too(sidecar):
    photo = picture("PNG", (1600, 1200), compress_level=0)
    assert len(photo) > 5 * MIB
    answer = sidecar.call("ana", "POST", "/api/video/upload", data=part(photo), content_type=EDGE)
    assert answer.status_code == 201, answer.get_data(as_text=True)
    told = answer.get_json()
    assert (told["width"], told["height"], told["file_name"]) == (1600, 1200, "photo")
    assert (told["scaled_from"], told["notes"]) == (None, [])


@pytest.mark.parametrize("first", [True, False])
def test_parts_that_no_upload_has_are_named_and_nothing_is_kept(sidecar, first):
    photo, faults = picture(), {}
    for name in ("fiel", "file"):
        other = part(b"x" * 700_000, f'; name="{name}"').removesuffix(b"--edge--\r\n")
        whole = part(photo)
        body = other + whole if first else whole.replace(b"--edge--\r\n", other + b"--edge--\r\n")
        answer = sidecar.call("ana", "POST", "/api/video/upload", data=body, content_type=EDGE)
        faults |= at_fault(answer)
    assert faults == {"fiel": "is not known here; did you mean file?", "file": "is given more than once"}
    assert list(sidecar.deps.storage.list_keys()) == []
    assert list(sidecar.deps.settings.parts_dir.glob("*")) == []


def test_a_photo_of_48_megapixels_is_scaled_and_the_answer_says_so(sidecar):
    told = sidecar.upload(picture(size=(8064, 6048))).get_json()
    assert 39_900_000 < told["width"] * told["height"] <= 40_000_000
    assert told["scaled_from"] == {"width": 8064, "height": 6048}
    assert told["notes"][0].startswith("Scaled from 8064 × 6048 px (49 megapixels) to ")


def test_a_start_says_that_a_photo_is_sent_smaller(sidecar):
    photo = sidecar.upload(picture()).get_json()["id"]
    run_sql(sidecar.deps, "UPDATE upload SET size_bytes = :size WHERE id = :id", size=51 * MIB, id=photo)
    body = {"model": PHOTO_MODEL, "prompt": "Walk on", "image": photo}
    (note,) = sidecar.start(body).get_json()["notes"]
    assert note.startswith("The photo of image_url is sent to ")
    assert note.endswith(" scaled to at most 50 MB.")


@pytest.mark.parametrize(("extra", "size"), [(1, "32.1"), (2 * MIB, "34.1")])
def test_a_photo_over_32_mebibytes_is_refused_with_its_size_the_limit_and_the_way_out(sidecar, extra, size):
    content = picture() + b"\0" * (32 * MIB + extra)
    refusal = said(sidecar.upload(content), 413)
    assert refusal["code"] == "too_large"
    assert f"has {size} MiB; at most 32 MiB are taken. Save it smaller" in refusal["message"]


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


#: What stands in prompts, and in no file name of Windows.
HOSTILE = 'Red / dress: take? <1> "x" | * \\ é . '


def several(sidecar, *contents: bytes) -> str:
    """A stored take with these files, asked for with a hostile prompt."""
    job_id = sidecar.started(body={**BODY, "prompt": HOSTILE})
    videos = [sidecar.stored(sidecar.started(), content) for content in contents]
    roles = ["video", "videos.1", "videos-1", "VIDEOS/1"]
    outputs = [{"role": role, "url": f"https://x.example/{role}.mp4"} for role in roles[: len(contents)]]
    rows = [
        TakeFile(job_id=job_id, role=role, position=number, video_id=video.id)
        for number, (role, video) in enumerate(zip(roles, videos, strict=False))
    ]
    with sidecar.deps.store.begin() as session:
        take_files.put_rows(session, rows)
    sidecar.advance(job_id, JobEvent.FINISHED, outputs=outputs, rendered_at=sidecar.clock.now())
    sidecar.advance(job_id, JobEvent.SAVED, video_id=videos[0].id)
    return job_id


CONTENTS = [name * 1000 for name in (b"a", b"bb", b"ccc", b"dddd")]


def test_all_files_of_a_take_come_as_one_zip_as_they_are_under_names_that_every_system_takes(sidecar):
    link = status(sidecar, several(sidecar, *CONTENTS))["files_zip_url"]
    answer = sidecar.get(link, who=None)
    assert (answer.status_code, answer.content_type) == (200, "application/zip")
    assert int(answer.headers["Content-Length"]) == len(answer.get_data())
    assert "attachment" in answer.headers["Content-Disposition"]
    packed = zipfile.ZipFile(io.BytesIO(answer.get_data()))
    names = [entry.filename for entry in packed.infolist()]
    assert [packed.read(name) for name in names] == CONTENTS
    assert {entry.compress_type for entry in packed.infolist()} == {zipfile.ZIP_STORED}
    assert len({name.casefold() for name in names}) == 4
    for name in (*names, unquote(answer.headers["Content-Disposition"].rpartition("''")[2])):
        assert re.fullmatch(r"red-dress-take-1-x(-é)?[a-z0-9-]*-[0-9a-f]{6}(-\d)?\.(mp4|zip)", name), name
    head = sidecar.call(None, "HEAD", link)
    assert (head.get_data(), head.headers["Content-Length"]) == (b"", answer.headers["Content-Length"])
    said(sidecar.get(link.replace(".zip", "a.zip"), who=None), 403)


def test_a_zip_holds_what_is_here_and_there_is_none_of_a_single_file(sidecar):
    job_id = several(sidecar, *CONTENTS[:3])
    told = status(sidecar, job_id)
    gone = told["files"][2]["sha256"]
    run_sql(sidecar.deps, "UPDATE video SET missing_at = created_at WHERE sha256 = :gone", gone=gone)
    packed = zipfile.ZipFile(io.BytesIO(sidecar.get(told["files_zip_url"], who=None).get_data()))
    assert [packed.read(name) for name in packed.namelist()] == CONTENTS[:2]
    assert status(sidecar, several(sidecar, b"one"))["files_zip_url"] is None


def test_a_zip_whose_file_is_away_is_no_zip_and_one_that_breaks_off_is_never_taken_for_whole(sidecar):
    told = status(sidecar, several(sidecar, *CONTENTS[:2]))
    first, second = (sidecar.media / f"{file['sha256']}.mp4" for file in told["files"])
    second.chmod(0o600)
    second.write_bytes(b"short")
    with pytest.raises(MediaBroken, match="not as long as it should be"):
        sidecar.get(told["files_zip_url"], who=None)
    first.unlink()
    assert "fetched again" in said(sidecar.get(told["files_zip_url"], who=None), 404)["message"]


def test_slow_readers_of_zips_leave_threads_for_deliveries(sidecar):
    link = status(sidecar, several(sidecar, *CONTENTS))["files_zip_url"].removeprefix(PUBLIC)
    client = sidecar.app.test_client()
    slow = [client.get(link) for _ in range(AT_ONCE)]
    assert {answer.status_code for answer in slow} == {200}
    assert said(client.get(link), 503)["code"] == "busy"
    slow.pop().close()
    assert client.get(link).status_code == 200


def test_the_dashboard_gives_the_same_zip(sidecar):
    key = signed_links.zip_key(sidecar.take(sidecar.job(several(sidecar, *CONTENTS))))
    answer = ask_dashboard(sidecar.deps, "GET", str(signed_links.dashboard_link(sidecar.deps, key)))
    assert int(answer.headers["content-length"]) == len(answer.content)
    packed = zipfile.ZipFile(io.BytesIO(answer.content))
    assert [packed.read(name) for name in packed.namelist()] == CONTENTS


@pytest.mark.parametrize(
    ("ending", "content_type"),
    [
        ("gif", "image/gif"), ("avi", "video/x-msvideo"), ("m4a", "audio/mp4"), ("mov", "video/quicktime"),
        ("html", "application/octet-stream"), ("svg", "application/octet-stream"),
    ],
)  # fmt: skip
def test_what_was_kept_as_it_came_is_served_as_what_it_is_and_a_page_only_ever_as_bytes(
    sidecar, tmp_path, ending, content_type
):
    part, key = tmp_path / "x.part", f"{'0' * 64}.{ending}"
    part.write_bytes(b"content")
    sidecar.deps.storage.put_file(part, key)
    answer = sidecar.get(str(signed_links.api_link(sidecar.deps, key)), who=None)
    assert (answer.status_code, answer.content_type) == (200, content_type)
