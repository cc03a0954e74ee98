"""The same studio with a bucket: a take's whole way, and what people and sweeps see when it is away."""

import hashlib
import io
import re
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from urllib.parse import urlsplit

import httpx
import pytest

from backend.bootstrap import build_deps, open_deps
from backend.domain.errors import SettingsError, StorageDown
from backend.media.storage.s3 import S3Storage
from backend.models import Job, Video
from backend.services.deps import Deps
from backend.services.gallery import signed_links
from backend.services.operations import doctor, sweep
from backend.services.operations.sweep import OBJECTS_BATCH
from backend.services.takes import photos
from backend.settings import load_settings
from backend.store.records import videos
from backend.web import dashboard
from backend.web.app import create_app
from tests import bucket
from tests.proxy import Proxy
from tests.services.client import ask_dashboard
from tests.world import ANA, PHOTO_MODEL, World, picture


class Place:
    """This test's bucket, and the line to it."""

    def __init__(self, server: bucket.Server) -> None:
        self.name, self.outside = server.new_bucket(), server.client()
        self.proxy = Proxy(server.port)

    def objects(self) -> set[str]:
        found = self.outside.list_objects_v2(Bucket=self.name).get("Contents", [])
        return {one["Key"].removeprefix("films/") for one in found}

    def put(self, key: str, content: bytes) -> None:
        self.outside.put_object(Bucket=self.name, Key=f"films/{key}", Body=content)

    def drop(self, *keys: str) -> None:
        for key in keys:
            self.outside.delete_object(Bucket=self.name, Key=f"films/{key}")

    def away(self) -> None:
        self.proxy.fault("reset", "HTTP", times=10_000)

    def balanced(self) -> None:
        """A load balancer without a store says of a file what the bucket would say of one that is gone."""
        bare = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        self.proxy.fault("say", "HTTP", times=10_000, answer=bare)

    def emptied(self) -> None:
        self.drop(*self.objects())

    def back(self) -> None:
        self.proxy.faults.clear()


@pytest.fixture(autouse=True)
def place(no_environment: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    made = Place(bucket.server())
    env = {"STORAGE_URL": f"s3://{made.name}/films", "AWS_ENDPOINT_URL": made.proxy.url}
    for name, value in (bucket.server().env() | env).items():
        monkeypatch.setenv(name, value)
    yield made
    made.proxy.close()


@pytest.fixture
def job(world: World) -> Job:
    """A take whose video is in the bucket."""
    return world.until(world.ask("A calm sea [sim:never]"), "stored")


def test_a_take_of_a_photo_is_stored_shown_played_and_repaired_in_a_bucket(world, place):
    photo = photos.create_upload(world.deps, ANA, io.BytesIO(picture()), file_name="a.jpg").upload
    assert place.objects() == {photo.key}
    job = world.ask("A calm sea [sim:never]", model=PHOTO_MODEL, image=photo.id)
    world.look(world.until(job, "stored"))
    video = world.take(job).video
    assert place.objects() == {photo.key, video.key, video.poster_key, video.preview_key}
    assert not list(world.deps.settings.parts_dir.iterdir())

    # -- played, by ranges, through our own route; HEAD is our own, as a presigned link is good for GET alone
    client, link = create_app(world.deps).test_client(), signed_links.api_link(world.deps, video.key)
    path = link.removeprefix(f"http://{urlsplit(link).netloc}")
    head = client.head(path)
    assert (head.status_code, head.headers["Content-Length"]) == (200, str(video.size_bytes))
    assert (head.headers["Content-Type"], head.headers["Accept-Ranges"]) == ("video/mp4", "bytes")
    sent_on = client.get(path)
    assert sent_on.status_code == 302
    assert sent_on.headers["Cache-Control"] == "private, max-age=1800, immutable"
    assert "X-Amz-Expires=3600" in sent_on.headers["Location"]
    some = httpx.get(sent_on.headers["Location"], headers={"Range": "bytes=0-99"})
    assert (some.status_code, some.headers["Content-Type"]) == (206, "video/mp4")
    whole = httpx.get(sent_on.headers["Location"]).content
    assert (some.content, hashlib.sha256(whole).hexdigest()) == (whole[:100], video.sha256)

    # -- a picture of it becomes a photo of its own
    upload = photos.upload_from_take(world.deps, ANA, job.id, last=True)
    assert upload.key in place.objects()
    assert (upload.width, upload.height) == (video.width, video.height)
    assert not list(world.deps.settings.parts_dir.iterdir())

    # -- removed behind our back: found, fetched again
    place.drop(video.key)
    assert world.sweep()["missing_files"] == 1
    world.until(job, "stored")
    world.looks(job, 1)
    assert video.key in place.objects()
    assert world.take(job).video.missing_at is None
    assert world.posts == 1


@pytest.mark.parametrize("content", [b"short", None], ids=["another size", "altered"])
def test_an_altered_object_makes_room_for_the_right_one(world, place, job, content):
    video = world.take(job).video
    place.put(video.key, content or bytes(video.size_bytes))

    if content:
        assert world.sweep()["missing_files"] == 1
    else:
        assert len(world.verify().problems) == 1
    world.looks(job, 3)

    assert world.verify().problems == []


@pytest.mark.parametrize(
    ("trouble", "why"),
    [
        (Place.away, "can't be reached"),
        (Place.balanced, "not found at its address"),
        (Place.emptied, "holds nothing at all"),
    ],
)
def test_a_bucket_that_cant_be_asked_or_is_another_one_is_no_loss_and_stops_no_sweep(
    world, place, job, trouble, why
):
    other = world.ask("Another [sim:never]")
    before = world.job(job), world.ledger()
    trouble(place)

    with pytest.raises(StorageDown, match=rf"(?s)^Nothing was verified, changed or charged\. .*{why}.*run"):
        world.verify()
    assert (world.job(job), world.ledger()) == before

    did = world.sweep()
    assert "missing_files" not in did
    assert did["looks"] >= 1
    assert world.take(job).video.missing_at is None
    assert world.job(other).state == "queued"


def test_a_take_waits_for_a_bucket_that_is_away_and_is_stored_when_it_is_back(world, place):
    job = world.until(world.ask("A calm sea [sim:never]"), "rendered")
    place.away()
    waiting = world.look(job)
    assert waiting.state == "rendered"
    assert "can't be reached" in waiting.error["message"]
    assert place.objects() == set()
    place.back()

    world.until(job, "stored")

    assert world.posts == 1


def test_a_sweep_asks_a_bucket_for_few_files_and_walks_on(world, place, monkeypatch):
    def keep_video() -> None:
        name, now = world.deps.clock.new_id(), world.deps.clock.now()
        place.put(f"{name}.mp4", b"video")
        kept = Video(
            id=name, sha256=name, key=f"{name}.mp4", content_type="video/mp4", created_at=now,
            size_bytes=5, duration_s=1.0, width=64, height=64,
        )  # fmt: skip
        with world.deps.store.begin() as session:
            videos.insert_or_restore(session, kept)

    def heads() -> int:
        place.proxy.asked.clear()
        assert "missing_files" not in world.sweep()
        return sum(line.startswith("HEAD ") for line in place.proxy.asked)

    for _ in range(OBJECTS_BATCH):
        keep_video()
    with monkeypatch.context() as change:
        change.setattr(sweep, "WALK_EVERY", timedelta(0))
        assert heads() == OBJECTS_BATCH
        keep_video()
        assert [heads(), heads()] == [1, OBJECTS_BATCH]

    heads()
    assert place.proxy.asked == [], "the walk has a pace of its own"


def test_the_dashboard_sends_on_with_a_name_and_says_when_the_bucket_is_away(world, place, job):
    video = world.take(job).video
    link = signed_links.dashboard_link(world.deps, video.key, download_as='Mein "Film".mp4')

    sent_on = ask_dashboard(world.deps, "GET", link)
    assert sent_on.status_code == 302
    file = httpx.get(sent_on.headers["location"])
    assert file.headers["Content-Disposition"].endswith("; filename*=UTF-8''Mein%20%22Film%22.mp4")
    head = ask_dashboard(world.deps, "HEAD", link)
    assert (head.status_code, head.headers["content-length"]) == (200, str(video.size_bytes))
    whole = signed_links.dashboard_link(world.deps, f"{signed_links.ZIP_FOLDER}/{job.id}.zip")
    with zipfile.ZipFile(io.BytesIO(ask_dashboard(world.deps, "GET", whole).content)) as packed:
        assert packed.read(packed.namelist()[0]) == file.content

    place.away()
    assert {ask_dashboard(world.deps, "GET", one).status_code for one in (link, whole)} == {503}
    place.back()
    place.drop(video.key)
    assert {ask_dashboard(world.deps, "GET", one).status_code for one in (link, whole)} == {404}


@pytest.mark.parametrize("public", [None, "https://films.example"])
def test_links_lead_where_browsers_reach_the_bucket_and_pages_may_load_from_there(place, monkeypatch, public):
    if public:
        monkeypatch.setenv("STORAGE_PUBLIC_URL", public)
    storage, origin = build_deps(load_settings()).storage, public or place.proxy.url

    assert storage.direct_link("a.mp4", expires_s=60).startswith(f"{origin}/{place.name}/films/a.mp4?")
    headers, _ = dashboard.middleware("", *storage.link_origins())
    assert f"media-src 'self' blob: {origin};" in headers.kwargs["policy"]
    assert f"img-src 'self' data: blob: {origin};" in headers.kwargs["policy"]


# -- what only a person can put right -----------------------------------------------------------------


def doctor_says(deps: Deps) -> str:
    bad = {check.name: check.says for check in doctor.run_checks(deps) if not check.good}
    return bad["storage"]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"STORAGE_URL": "s3://not-there/films"}, "There is no bucket 'not-there'.*Create it"),
        ({"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, "Set AWS_ACCESS_KEY_ID and"),
        ({"AWS_SECRET_ACCESS_KEY": ""}, "AWS_SECRET_ACCESS_KEY"),
        ({"AWS_ENDPOINT_URL": "http://minio_1:9000"}, "AWS_ENDPOINT_URL"),
        ({"AWS_REGION": "no such region"}, "AWS_REGION"),
    ],
    ids=["no bucket", "no key", "half a key", "endpoint", "region"],
)
def test_settings_that_no_bucket_can_be_asked_with_stop_the_start_with_one_message(
    deps, monkeypatch, settings, said
):
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")  # nothing else gives a key
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
        if not value:
            monkeypatch.delenv(name)

    with pytest.raises(SettingsError, match=rf"(?s)stop the start.*{said}"):
        open_deps()

    assert re.search(said, doctor_says(build_deps(load_settings())))


def test_a_bucket_that_is_down_stops_no_start_and_doctor_says_it(deps, place):
    place.away()

    opened = open_deps()

    assert "can't be reached" in doctor_says(opened)
    opened.store.close()


# -- controls -------------------------------------------------------------------------------------------


def test_control_silence_taken_for_a_loss_would_be_caught(world, place, job, monkeypatch):
    whole = S3Storage.size

    def careless(self: S3Storage, key: str) -> int | None:
        with suppress(StorageDown):
            return whole(self, key)

    monkeypatch.setattr(S3Storage, "size", careless)
    monkeypatch.setattr(S3Storage, "list_keys", lambda *_: iter(["a.mp4"]))  # nor is the bucket looked at
    with pytest.raises(AssertionError, match="missing_files"):
        test_a_bucket_that_cant_be_asked_or_is_another_one_is_no_loss_and_stops_no_sweep(
            world, place, job, Place.away, "can't be reached"
        )


def test_control_a_wrong_object_that_is_not_removed_would_be_caught(world, place, job, monkeypatch):
    monkeypatch.setattr(S3Storage, "remove", lambda *_: None)
    with pytest.raises(AssertionError):
        test_an_altered_object_makes_room_for_the_right_one(world, place, job, b"short")
