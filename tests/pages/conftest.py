"""An installation with takes in every state, and the dashboard's pages over it, as a session runs them."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest, app_test
from streamlit.testing.v1.element_tree import Selectbox

from backend.domain.states import JobEvent
from backend.domain.take_filter import TakeFilter
from backend.models import Delivery, Job
from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.gallery import takes as gallery
from backend.store.jobs import counts, deliveries, jobs
from pages.ui import context
from simulator.paint.render import render_video
from tests import databases
from tests.services.receiving import WAY, ok
from tests.viewers import LOCAL_VIEWER
from tests.world import MODEL, World

ROOT = Path(__file__).parents[2]
#: One with seed, negative prompt and toggles.
SEED_MODEL = "fal-ai/wan/v2.7/text-to-video"

ERROR = {
    "code": "content_policy_violation",
    "message": "The model's safety filter refused this.",
    "charged": "maybe",
    "next": "It is not sent again by itself. You can edit and rerun it.",
}


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A real MP4 of one second."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    looks = {"prompt": "", "seed": 1, "duration_s": 1, "fps": 12, "width": 320, "height": 180}
    render_video({"path": str(path), "first": None, "last": None, **looks})
    return path.read_bytes()


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


class Desk(World):
    """Puts takes of every kind into an installation, and reads what came of it."""

    def __init__(self, deps: Deps, clip: bytes) -> None:
        super().__init__(deps, sim=None)
        self.clip = clip

    def take(
        self, state: str, prompt: str = "A red dress", *, viewer: Viewer = LOCAL_VIEWER, **asked: Any
    ) -> Job:
        """A take in this state, moved there by the events that lead to it."""
        job = self.ask(prompt, viewer=viewer, **asked)
        for event in WAY[state]:
            self.move(job.id, event)
        return self.job(job)

    def move(self, job_id: str, event: JobEvent) -> None:
        now, values = self.deps.clock.now(), {}
        match event:
            case JobEvent.SAVED:  # a box that players pass over makes each take's file its own
                self.saved(job_id, self.clip + b"\0\0\0\x2cfree" + job_id.encode())
                return
            case JobEvent.ACCEPTED:
                values = {"request_id": f"request-{job_id}", "submitted_at": now, "queue_position": 2}
            case JobEvent.FINISHED:
                values = {"rendered_at": now, "fetched_bytes": 250_000, "fetch_total_bytes": 1_000_000}
            case JobEvent.ERRORED | JobEvent.UNANSWERED | JobEvent.CANCELLED:
                values = {"error": ERROR}
        self.advance(job_id, event, **values)

    def delivery(self, job: Job) -> Delivery:
        """A genuine delivery for a take, kept and not applied yet."""
        now = self.deps.clock.now()
        kept = Delivery(
            id=self.deps.clock.new_id(), job_id=job.id, request_id=job.request_id, status="OK",
            verdict="stale", body=ok(job.request_id), body_sha256="0" * 64, headers={"user_id": "u"},
            signed_at=now - timedelta(hours=1), received_at=now, last_at=now,
        )  # fmt: skip
        with self.deps.store.begin() as session:
            return deliveries.insert_delivery(session, kept)

    def change(self, job: Job, **values: Any) -> None:
        """Write these columns of a take's row."""
        with self.deps.store.begin() as session:
            jobs.update_if_unchanged(session, self.job(job), **values)

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
        assert not app.run().exception, app.exception
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
    drawn = [item.proto for item in app.get("bidi_component")]
    return [json.loads(part.json)[0] for part in drawn if part.component_name == f"dailies_{component}"]


def rows_of(app: AppTest, name: str) -> list[dict[str, Any]]:
    """What the table of this name shows, by its columns."""
    (table,) = [one for one in shown(app, "table") if one["name"] == name]
    columns = [column["name"] for column in table["columns"]]
    return [
        dict(zip(columns, [cell[0] if isinstance(cell, list) else cell for cell in row], strict=True))
        for row in table["rows"]
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
