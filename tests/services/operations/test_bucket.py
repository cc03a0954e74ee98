"""The same studio with a bucket: a take's whole way, and what people and sweeps see when it is away."""

import asyncio
import hashlib
import io
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import pytest
from starlette.applications import Starlette

from backend.bootstrap import build_deps, open_deps
from backend.domain.errors import SettingsError, StorageDown
from backend.media.storage import s3_client
from backend.media.storage.s3 import S3Storage
from backend.models import Video
from backend.services.deps import Deps
from backend.services.gallery import signed_links
from backend.services.operations import doctor, sweep
from backend.services.operations.sweep import OBJECTS_BATCH
from backend.services.operations.verify import verify_all
from backend.services.takes import photos
from backend.settings import load_settings
from backend.store.records import videos
from backend.web import dashboard
from backend.web.app import create_app
from tests import bucket
from tests.proxy import Proxy
from tests.services.client import picture
from tests.world import ANA, World

#: What a load balancer says that has no store behind it.
NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Place:
    """This test's bucket, and the line to it."""

    def __init__(self, server: bucket.Server) -> None:
        self.server, self.name = server, server.new_bucket()
        self.proxy, self.outside = Proxy(server.port), server.client()

    def objects(self) -> set[str]:
        found = self.outside.list_objects_v2(Bucket=self.name).get("Contents", [])
        return {one["Key"].removeprefix("films/") for one in found}

    def put(self, key: str, content: bytes) -> None:
        self.outside.put_object(Bucket=self.name, Key=f"films/{key}", Body=content)

    def drop(self, key: str) -> None:
        self.outside.delete_object(Bucket=self.name, Key=f"films/{key}")

    def away(self) -> None:
        self.proxy.fault("reset", "HTTP", times=10_000)


@pytest.fixture(autouse=True)
def place(no_environment: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    made = Place(bucket.server())
    for name, value in {
        "STORAGE_URL": f"s3://{made.name}/films", "AWS_ENDPOINT_URL": made.proxy.url,
        "AWS_ACCESS_KEY_ID": bucket.KEY, "AWS_SECRET_ACCESS_KEY": bucket.SECRET,
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(s3_client, "READ_S", 3.0)
    yield made
    made.proxy.close()


def parts(world: World) -> list[str]:
    folder = world.deps.settings.parts_dir
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def asked(link: str | None, **headers: str) -> Any:
    assert link is not None
    return urlopen(Request(link, headers=headers), timeout=10)


def visit(world: World, method: str, link: str) -> tuple[int, dict[str, str]]:
    """What the dashboard's own routes answer."""
    url, said = urlsplit(link), []

    async def send(message: Any) -> None:
        said.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    scope = {
        "type": "http", "method": method, "path": url.path, "raw_path": url.path.encode(),
        "query_string": url.query.encode(), "headers": [], "root_path": "",
    }  # fmt: skip
    app = Starlette(routes=dashboard.routes(lambda: world.deps))
    asyncio.run(app(scope, receive, send))
    return said[0]["status"], {name.decode(): value.decode() for name, value in said[0]["headers"]}


def test_a_take_is_stored_shown_played_and_repaired_in_a_bucket(world: World, place: Place) -> None:
    job = world.until(world.ask("A calm sea [sim:never]"), "stored")
    world.look(job)
    video = world.take(job).video
    assert video is not None
    assert place.objects() == {video.key, video.poster_key, video.preview_key}
    assert parts(world) == []

    # -- played, by ranges, through our own route
    client = create_app(world.deps).test_client()
    link = signed_links.api_link(world.deps, video.key) or ""
    sent_on = client.get(f"{urlsplit(link).path}?{urlsplit(link).query}")
    assert sent_on.status_code == 302
    assert sent_on.headers["Cache-Control"] == "private, max-age=1800, immutable"
    assert "X-Amz-Expires=3600" in sent_on.headers["Location"]
    with asked(sent_on.headers["Location"], Range="bytes=0-99") as answer:
        assert (answer.status, len(answer.read())) == (206, 100)
        assert answer.headers["Content-Type"] == "video/mp4"
    with asked(sent_on.headers["Location"]) as answer:
        assert hashlib.sha256(answer.read()).hexdigest() == video.sha256

    # -- a picture of it becomes a photo of its own
    upload = photos.upload_from_take(world.deps, ANA, job.id, last=True)
    assert upload.key in place.objects()
    assert (upload.width, upload.height) == (video.width, video.height)
    assert parts(world) == []

    # -- removed behind our back: found, fetched again
    place.drop(video.key)
    assert world.sweep()["missing_files"] == 1
    world.until(job, "stored")
    world.hurry(job)
    world.look(job)
    assert video.key in place.objects()
    assert world.take(job).video.missing_at is None
    assert len(world.ledger()["posts"]) == 1


def test_a_photo_goes_to_the_bucket_and_from_there_to_the_provider(world: World, place: Place) -> None:
    upload = photos.create_upload(world.deps, ANA, io.BytesIO(picture()), file_name="a.jpg")
    assert place.objects() == {upload.key}
    assert parts(world) == []

    model = "fal-ai/kling-video/v3/turbo/pro/image-to-video"
    job = world.until(world.ask(model=model, image=upload.id), "queued", "running", "rendered", "stored")

    assert job.request_id
    assert len(world.ledger()["posts"]) == 1


@pytest.mark.parametrize("content", [b"short", None], ids=["another size", "altered"])
def test_an_altered_object_makes_room_for_the_right_one(
    world: World, place: Place, content: bytes | None
) -> None:
    job = world.until(world.ask("A calm sea [sim:never]"), "stored")
    video = world.take(job).video
    assert video is not None
    place.put(video.key, content or bytes(video.size_bytes))

    if content:
        assert world.sweep()["missing_files"] == 1
    else:
        assert len(verify_all(world.deps, on_progress=lambda line: None).problems) == 1
    for _ in range(3):
        world.hurry(job)
        world.look(job)

    assert verify_all(world.deps, on_progress=lambda line: None).problems == []


def test_a_bucket_that_is_away_is_no_loss_and_stops_no_sweep(world: World, place: Place) -> None:
    job = world.until(world.ask("A calm sea [sim:never]"), "stored")
    other = world.ask("Another [sim:never]")
    place.away()

    did = world.sweep()

    assert did.get("missing_files", 0) == 0
    assert did["looks"] >= 1
    assert world.take(job).video.missing_at is None
    assert world.job(other).state == "queued"


def test_a_balancer_that_knows_no_bucket_at_the_moment_makes_no_file_missing(
    world: World, place: Place
) -> None:
    """Its bare 404 says of a file what the bucket itself would say of one that is gone."""
    job = world.until(world.ask("A calm sea [sim:never]"), "stored")
    place.proxy.fault("say", "HTTP", times=10_000, answer=NOT_FOUND)

    assert "missing_files" not in world.sweep()

    assert world.take(job).video.missing_at is None


@pytest.mark.parametrize("what", ["nobody answers", "a balancer answers", "another bucket"])
def test_verify_calls_nothing_missing_that_it_cant_ask_for_and_says_so(
    world: World, place: Place, what: str
) -> None:
    job = world.until(world.ask("A calm sea [sim:never]"), "stored")
    before = world.job(job), world.ledger()
    if what == "nobody answers":
        place.away()
        why = "can't be reached"
    elif what == "a balancer answers":
        place.proxy.fault("say", "HTTP", times=10_000, answer=NOT_FOUND)
        why = "not found at its address"
    else:
        for key in place.objects():
            place.drop(key)
        why = "holds nothing at all"

    with pytest.raises(StorageDown, match=rf"(?s)^Nothing was verified, changed or charged\. .*{why}.*run"):
        verify_all(world.deps, on_progress=lambda line: None)

    assert (world.job(job), world.ledger()) == before
    assert world.take(job).video.missing_at is None


def test_verify_says_how_far_it_came_when_the_bucket_goes_away(world: World, place: Place) -> None:
    for _ in range(3):
        keep_video(world)

    def told(line: str) -> None:
        place.away()

    with pytest.raises(StorageDown, match=r"Stopped after 1 files: 1 whole, 0 bad\. .*can't be reached"):
        verify_all(world.deps, on_progress=told)

    place.proxy.faults.clear()
    assert verify_all(world.deps, on_progress=lambda line: None).whole == 3


def test_a_take_waits_for_a_bucket_that_is_away_and_is_stored_when_it_is_back(
    world: World, place: Place
) -> None:
    job = world.until(world.ask("A calm sea [sim:never]"), "rendered")
    place.away()
    waiting = world.look(job)
    assert waiting.state == "rendered"
    assert "can't be reached" in waiting.error["message"]
    assert place.objects() == set()
    place.proxy.faults.clear()

    world.until(job, "stored")

    assert len(world.ledger()["posts"]) == 1


def keep_video(world: World) -> None:
    """A row of a video whose file is in the bucket."""
    content = world.deps.clock.new_id().encode()
    sha256 = hashlib.sha256(content).hexdigest()
    world.deps.settings.parts_dir.mkdir(exist_ok=True)
    part = world.deps.settings.parts_dir / "made"
    part.write_bytes(content)
    world.deps.storage.put_file(part, f"{sha256}.mp4")
    video = Video(
        id=world.deps.clock.new_id(), sha256=sha256, key=f"{sha256}.mp4", content_type="video/mp4",
        size_bytes=len(content), duration_s=1.0, width=64, height=64, created_at=world.deps.clock.now(),
    )  # fmt: skip
    with world.deps.store.begin() as session:
        videos.insert_or_restore(session, video)


def test_a_sweep_asks_a_bucket_for_few_files_and_walks_on(
    world: World, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    pace = sweep.WALK_EVERY
    monkeypatch.setattr(sweep, "WALK_EVERY", timedelta(0))
    for _ in range(OBJECTS_BATCH):
        keep_video(world)
    walks = []
    for _ in range(3):
        if len(walks) == 1:
            keep_video(world)
        place.proxy.asked.clear()
        assert "missing_files" not in world.sweep()
        walks.append([line for line in place.proxy.asked if line.startswith("HEAD ")])

    assert [len(walk) for walk in walks] == [OBJECTS_BATCH, 1, OBJECTS_BATCH]
    monkeypatch.setattr(sweep, "WALK_EVERY", pace)
    place.proxy.asked.clear()
    world.sweep()
    assert place.proxy.asked == [], "the walk has a pace of its own"


# -- the routes ---------------------------------------------------------------------------------------


@pytest.fixture
def stored(world: World) -> Any:
    return world.take(world.until(world.ask("A calm sea [sim:never]"), "stored")).video


def test_head_is_answered_by_ourselves_as_a_presigned_link_is_good_for_get_alone(
    world: World, stored: Any
) -> None:
    link = urlsplit(signed_links.api_link(world.deps, stored.key) or "")

    answer = create_app(world.deps).test_client().head(f"{link.path}?{link.query}")

    assert answer.status_code == 200
    assert answer.headers["Content-Length"] == str(stored.size_bytes)
    assert answer.headers["Content-Type"] == "video/mp4"
    assert answer.headers["Accept-Ranges"] == "bytes"


def test_the_dashboard_sends_on_with_a_name_and_says_when_the_bucket_is_away(
    world: World, stored: Any, place: Place
) -> None:
    link = signed_links.dashboard_link(world.deps, stored.key, download_as='Mein "Film".mp4') or ""

    status, headers = visit(world, "GET", link)
    assert status == 302
    with asked(headers["location"]) as bytes_:
        assert bytes_.headers["Content-Disposition"] == "attachment; filename*=UTF-8''Mein%20%22Film%22.mp4"
    status, headers = visit(world, "HEAD", link)
    assert (status, headers["content-length"]) == (200, str(stored.size_bytes))

    place.away()
    assert visit(world, "GET", link)[0] == 503
    place.proxy.faults.clear()
    place.drop(stored.key)
    assert visit(world, "GET", link)[0] == 404


def test_pages_may_load_from_the_bucket_and_links_lead_where_browsers_reach_it(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert build_deps(load_settings()).storage.link_origins() == (place.proxy.url,)

    monkeypatch.setenv("STORAGE_PUBLIC_URL", "https://films.example")
    storage = build_deps(load_settings()).storage

    assert storage.link_origins() == ("https://films.example",)
    link = storage.direct_link("a.mp4", expires_s=60) or ""
    assert link.startswith(f"https://films.example/{place.name}/films/a.mp4?")
    [headers] = dashboard.middleware("", *storage.link_origins())
    policy = headers.kwargs["policy"]
    assert "media-src 'self' blob: https://films.example;" in policy
    assert "img-src 'self' data: blob: https://films.example;" in policy


def doctor_says(deps: Deps) -> str:
    """The one message of the doctor about storage."""
    bad = {check.name: check.message for check in doctor.run_checks(deps) if not check.good}
    return bad["storage"]


# -- what only a person can put right -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"STORAGE_URL": "s3://not-there/films"}, "There is no bucket 'not-there'.*create it"),
        ({"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}, "set AWS_ACCESS_KEY_ID and"),
        ({"AWS_SECRET_ACCESS_KEY": None}, "AWS_SECRET_ACCESS_KEY"),
        ({"AWS_ENDPOINT_URL": "http://minio_1:9000"}, "AWS_ENDPOINT_URL"),
        ({"AWS_REGION": "no such region"}, "AWS_REGION"),
    ],
    ids=["no bucket", "no key", "half a key", "endpoint", "region"],
)
def test_settings_that_no_bucket_can_be_asked_with_stop_the_start_with_one_message(
    world: World, place: Place, monkeypatch: pytest.MonkeyPatch, settings: dict[str, str | None], said: str
) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")  # nothing else gives a key
    for name, value in settings.items():
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)

    with pytest.raises(SettingsError, match=rf"(?s)stop the start.*{said}"):
        open_deps()

    assert re.search(said, doctor_says(build_deps(load_settings())))


def test_a_bucket_that_is_down_stops_no_start_and_doctor_says_it(world: World, place: Place) -> None:
    place.away()

    deps = open_deps()

    with pytest.raises(StorageDown):
        deps.storage.size("a.mp4")
    assert "can't be reached" in doctor_says(deps)
    deps.store.close()


# -- controls -------------------------------------------------------------------------------------------


def test_control_silence_taken_for_a_loss_would_be_caught(
    world: World, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = S3Storage.size

    def careless(self: S3Storage, key: str) -> int | None:
        try:
            return whole(self, key)
        except StorageDown:
            return None

    monkeypatch.setattr(S3Storage, "size", careless)
    monkeypatch.setattr(
        S3Storage, "list_keys", lambda *_: iter(["a.mp4"])
    )  # nor is the bucket itself looked at
    with pytest.raises(AssertionError):
        test_a_bucket_that_is_away_is_no_loss_and_stops_no_sweep(world, place)


def test_control_a_wrong_object_that_is_not_removed_would_be_caught(
    world: World, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(S3Storage, "remove", lambda *_: None)
    with pytest.raises(AssertionError):
        test_an_altered_object_makes_room_for_the_right_one(world, place, b"short")
