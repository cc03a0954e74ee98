"""An installation with takes in every state, and the dashboard's pages over it, as a session runs them."""

import io
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import streamlit as st
from PIL import Image
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest, app_test
from streamlit.testing.v1.element_tree import Selectbox

from backend.domain.states import JobEvent
from backend.domain.take_filter import TakeFilter
from backend.models import Delivery, Job, Video
from backend.services.access import LOCAL_VIEWER, Viewer
from backend.services.deps import Deps
from backend.services.gallery import takes as gallery
from backend.services.takes import create
from backend.services.takes.request import parse_request
from backend.store.jobs import counts, deliveries, jobs
from backend.store.records import videos
from pages.ui import context
from tests import databases

ROOT = Path(__file__).parents[2]
#: A text-to-video model with a known price for each second.
MODEL = "fal-ai/kling-video/v3/turbo/pro/text-to-video"
#: One that starts from a photo, and needs it.
PHOTO_MODEL = "fal-ai/kling-video/v3/turbo/pro/image-to-video"
#: One with seed, negative prompt and toggles.
SEED_MODEL = "fal-ai/wan/v2.7/text-to-video"

#: state -> the events that lead there
PATHS = {
    "created": [],
    "submitting": ["submit_begun"],
    "queued": ["submit_begun", "accepted"],
    "running": ["submit_begun", "accepted", "started"],
    "rendered": ["submit_begun", "accepted", "finished"],
    "stored": ["submit_begun", "accepted", "finished", "saved"],
    "held": ["submit_begun", "unanswered"],
    "failed": ["submit_begun", "accepted", "errored"],
    "cancelled": ["cancelled"],
}
ERROR = {
    "code": "content_policy_violation",
    "message": "The model's safety filter refused this.",
    "charged": "maybe",
    "next": "It is not sent again by itself. You can use it again.",
    "detail": {"loc": ["body", "prompt"]},
    "at": "2026-11-21T10:00:00+00:00",
}


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A real MP4 of one second."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=12)
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        for number in range(12):
            picture = np.full((180, 320, 3), number * 20, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return path.read_bytes()


def photo(size: tuple[int, int] = (640, 480), colour: str = "navy") -> bytes:
    """A real JPEG."""
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, "JPEG")
    return file.getvalue()


@pytest.fixture(autouse=True)
def own_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kit's test browser only knows the listed choices; a real one sends own words as they are."""
    listed = Selectbox.index.fget

    def index(self: Any) -> int | None:
        if self.proto.accept_new_options and self.value is not None and self.value not in self.options:
            self.options.append(self.value)
        found: int | None = listed(self)
        return found

    monkeypatch.setattr(Selectbox, "index", property(index))


@pytest.fixture(scope="session", autouse=True)
def quick_and_tidy_kit() -> Iterator[None]:
    """At every first run of a page the kit looks through all packages for half a second; once is enough.

    The folder that its test browser made is left to nobody.
    """
    scan = cache(manifest_scanner.scan_component_manifests)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifest_scanner, "scan_component_manifests", scan)
        yield
    app_test.TMP_DIR.cleanup()


@pytest.fixture
def deps(tmp_path: Path) -> Iterator[Deps]:
    """The installation that the pages of this test look at, in demo mode; nothing else runs."""
    databases.put_migrated_file(tmp_path / "data" / "dailies.db")
    st.cache_resource.clear()
    st.cache_data.clear()
    made = context.deps()
    yield made
    context.deps().store.close()
    st.cache_resource.clear()
    st.cache_data.clear()
    made.store.close()


class Desk:
    """Puts takes of every kind into an installation, and reads what came of it."""

    def __init__(self, deps: Deps, clip: bytes) -> None:
        self.deps, self.clip = deps, clip

    def take(
        self, state: str, prompt: str = "A red dress", *, viewer: Viewer = LOCAL_VIEWER, **asked: Any
    ) -> Job:
        """A take in this state, moved there by the events that lead to it."""
        job = create.create_job(self.deps, viewer, parse_request({"model": MODEL, "prompt": prompt, **asked}))
        for name in PATHS[state]:
            self.move(job.id, JobEvent(name))
        return self.job(job.id)

    def move(self, job_id: str, event: JobEvent) -> None:
        now, values = self.deps.clock.now(), {}
        if event == JobEvent.ACCEPTED:
            values = {"request_id": f"request-{job_id}", "submitted_at": now, "queue_position": 2}
        elif event == JobEvent.FINISHED:
            values = {"rendered_at": now, "fetched_bytes": 250_000, "fetch_total_bytes": 1_000_000}
        elif event == JobEvent.SAVED:
            values = {"video_id": self.video(job_id)}
        elif event in (JobEvent.ERRORED, JobEvent.UNANSWERED, JobEvent.CANCELLED):
            values = {"error": ERROR}
        with self.deps.store.begin() as session:
            jobs.advance(session, job_id, event, at=now, by="worker", **values)

    def video(self, job_id: str) -> str:
        """A stored video; each take's own, as its bytes differ in the end."""
        now = self.deps.clock.now()
        digest = f"{int(job_id.replace('-', ''), 16):064x}"
        self.deps.settings.parts_dir.mkdir(parents=True, exist_ok=True)
        part = self.deps.settings.parts_dir / digest
        part.write_bytes(self.clip)
        self.deps.storage.put_file(part, f"{digest}.mp4")
        poster = self.deps.settings.parts_dir / f"{digest}.webp"
        Image.new("RGB", (320, 180), "teal").save(poster)
        self.deps.storage.put_file(poster, f"posters/{digest}.webp")
        video = Video(
            id=self.deps.clock.new_id(), sha256=digest, key=f"{digest}.mp4", content_type="video/mp4",
            size_bytes=len(self.clip), duration_s=1.0, width=320, height=180, fps=12.0, codec="h264",
            poster_key=f"posters/{digest}.webp", created_at=now, checked_at=now,
        )  # fmt: skip
        with self.deps.store.begin() as session:
            return videos.insert_or_restore(session, video).id

    def delivery(self, job: Job) -> Delivery:
        """A genuine delivery for a take, kept and not applied yet."""
        now = self.deps.clock.now()
        body = {"request_id": job.request_id, "gateway_request_id": job.request_id, "status": "OK"}
        body["payload"] = {"video": {"url": "https://v3.fal.media/files/a/b.mp4", "file_size": 1000}}
        kept = Delivery(
            id=self.deps.clock.new_id(), job_id=job.id, request_id=job.request_id or "", status="OK",
            verdict="stale", body=json.dumps(body).encode(), body_sha256="0" * 64, headers={"user_id": "u"},
            signed_at=now - timedelta(hours=1), received_at=now, last_at=now,
        )  # fmt: skip
        with self.deps.store.begin() as session:
            return deliveries.insert_delivery(session, kept)

    def job(self, job_id: str) -> Job:
        with self.deps.store.read() as session:
            return jobs.get(session, job_id)

    def count(self) -> int:
        with self.deps.store.read() as session:
            return sum(counts.by_state(session).values())

    def newest(self) -> Job:
        return gallery.list_takes(self.deps, LOCAL_VIEWER, TakeFilter(), limit=1).items[0].job

    def generate(self, app: AppTest) -> Job:
        """Press the button; the newest take."""
        app.button(key="generate").click().run()
        return self.newest()


@pytest.fixture
def desk(deps: Deps, clip: bytes) -> Desk:
    return Desk(deps, clip)


@pytest.fixture
def visit(deps: Deps) -> Callable[..., AppTest]:
    """Open a page as a browser does: `visit("library/gallery.py", state="failed")`."""

    def go(page: str | None = None, **params: str) -> AppTest:
        app = AppTest.from_file(str(ROOT / "pages" / "frame.py"), default_timeout=60)
        if page:
            app.switch_page(page)
        for name, value in params.items():
            app.query_params[name] = value
        app.run()
        assert not app.exception, app.exception
        return app

    return go


def filled(visit: Callable[..., AppTest], model: str = MODEL, prompt: str = "A red dress") -> AppTest:
    """The form with this model and prompt."""
    app = visit()
    app.selectbox(key="form:model").set_value(model)
    return app.text_area(key="form:prompt").set_value(prompt).run()


def param(app: AppTest, kind: str, name: str, model: str = MODEL) -> Any:
    """The field of one of a model's parameters."""
    return getattr(app, kind)(key=f"form:param:{model}:{name}")


def shown(app: AppTest, component: str) -> list[dict[str, Any]]:
    """What our own components were given to draw, in the page's order."""
    found = app.get("bidi_component")
    return [
        json.loads(item.proto.json) for item in found if item.proto.component_name == f"dailies_{component}"
    ]


def link(app: AppTest, label: str) -> str:
    """Where the link whose label begins so leads."""
    (target,) = [
        item.proto.url if kind == "link_button" else f"{item.proto.page}?{item.proto.query_string}"
        for kind in ("page_link", "link_button")
        for item in app.get(kind)
        if item.value.startswith(label)
    ]
    return str(target)


def words(app: AppTest) -> str:
    """Every word of a page that is drawn by the kit's own elements."""
    kinds = ("markdown", "caption", "error", "warning", "info", "code", "text", "toast", "title")
    return "\n".join(str(item.value) for kind in kinds for item in app.get(kind))
