"""An installation in the hands of a test: ask, look as a worker would, read what anybody could see."""

import hashlib
import io
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pillow_heif
import pytest
import requests
from PIL import Image
from sqlalchemy import text

from backend.domain.errors import InvalidRequest
from backend.domain.states import JobEvent
from backend.models import Job, Video
from backend.services.access import Role, Viewer
from backend.services.deps import Deps
from backend.services.gallery import takes as gallery
from backend.services.lifecycle.claims import Claim, Claims
from backend.services.lifecycle.dispatch import run_step
from backend.services.operations import sweep, verify
from backend.services.takes import create, photos
from backend.services.takes.request import parse_request
from backend.store.database.engine import Store
from backend.store.jobs import claims, jobs
from backend.store.records import videos
from tests.waiting import eventually

pillow_heif.register_heif_opener()

#: A text-to-video model of the catalogue with an enum of strings as duration.
MODEL = "fal-ai/kling-video/v3/turbo/pro/text-to-video"
#: A take whose price can't be known before: it goes on from a clip, whose length the request doesn't say.
UNPRICED: dict[str, Any] = {
    "model": "fal-ai/wan/v2.7/image-to-video",
    "params": {"video_url": "https://example.com/clip.mp4"},
}
#: One that starts from a photo, and needs it.
PHOTO_MODEL = "fal-ai/kling-video/v3/turbo/pro/image-to-video"
#: One of the blocking provider's.
BLOCKING = "blackboxai/google/veo-3-fast"
#: How the simulator calls what a job is while it is there.
STANDING = {"queued": "IN_QUEUE", "running": "IN_PROGRESS"}
#: Looks at what stays as it is come this far apart, in seconds.
LOOKS_S = 1.0
ANA = Viewer("ana", Role.CREATOR, sees_team=False)
BEN = Viewer("ben", Role.CREATOR, sees_team=False)
ADMIN = Viewer("root", Role.ADMIN)


def picture(
    kind: str = "JPEG", size: tuple[int, int] = (640, 480), colour: str = "navy", **more: Any
) -> bytes:
    """A photo of one colour."""
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, kind, **more)
    return file.getvalue()


class World:
    """One installation and its simulated provider."""

    def __init__(self, deps: Deps, sim: Any) -> None:
        self.deps, self.sim = deps, sim
        self.claims = Claims(deps)

    def ask(self, prompt: str = "A red dress in the wind", *, viewer: Viewer = ANA, **more: Any) -> Job:
        """A new job, as the form makes it."""
        key = more.pop("key", None)
        return create.create_job(
            self.deps, viewer, parse_request({"model": MODEL, "prompt": prompt, **more}), idempotency_key=key
        )

    def faults(self, *asked: Any, **more: Any) -> dict[str, str]:
        """What is wrong with such a request, by field."""
        with pytest.raises(InvalidRequest) as refused:
            self.ask(*asked, **more)
        return refused.value.fields

    def photo(self, colour: str = "navy", *, viewer: Viewer = ANA, **looks: Any) -> str:
        """The id of an upload."""
        content = picture(colour=colour, **looks)
        return photos.create_upload(self.deps, viewer, content, file_name="look.jpg").upload.id

    def look(self, job: Job) -> Job:
        """One look at a job, if it is due; returns it as it is afterwards."""
        run_step(self.deps, self.claims, job.id)
        return self.job(job)

    def job(self, job: Job | str) -> Job:
        with self.deps.store.read() as session:
            return jobs.get(session, job if isinstance(job, str) else job.id)

    def hurry(self, job: Job, **values: Any) -> None:
        """Make a job due now, as if its time had come. values: further columns."""
        with self.deps.store.begin() as session:
            jobs.make_due(session, job.id, at=self.deps.clock.now(), **values)

    def looks(self, job: Job, number: int) -> list[Job]:
        """The job after each of so many looks, none of which waits for its time."""
        seen = []
        for _ in range(number):
            self.hurry(job)
            seen.append(self.look(job))
        return seen

    def until(self, job: Job, *states: str) -> Job:
        """Look again and again, without waiting for back-offs, until the job is in one of these states."""

        def there() -> Job | None:
            now = self.job(job)
            if now.state in states:
                return now
            self._wait_moved(self.looks(job, 1)[0])
            return None

        try:
            found: Job = eventually(there)
        except AssertionError:
            now = self.job(job)
            raise AssertionError(f"{now.state}, {now.error}, {self.history(job)}") from None
        return found

    def _wait_moved(self, job: Job) -> None:
        """Look no more while the provider would say what it said last, or for `LOOKS_S` if it never moves."""
        if job.state in STANDING and job.request_id and self.sim is not None:
            self.sim.installation.queue.wait_moved(job.request_id, STANDING[job.state], LOOKS_S)

    def cut_off(self, claim: Claim) -> None:
        """The host that holds this is not heard of for longer than its lease."""
        ended = self.deps.clock.now() - timedelta(seconds=1)
        with self.deps.store.begin() as session:
            claims.renew_leases(session, [claim.lease_token], until=ended)

    def another(self, **changed: Any) -> "World":
        """Another worker of the same installation; its `Deps` may differ."""
        return World(replace(self.deps, **changed), self.sim)

    def with_settings(self, **settings: Any) -> "World":
        """The same with these settings."""
        return self.another(settings=self.deps.settings.model_copy(update=settings))

    def history(self, job: Job) -> list[str]:
        """The states that a job went through."""
        with self.deps.store.read() as session:
            return [line.state for line in jobs.list_history(session, job.id)]

    def advance(self, job: Job | str, *events: JobEvent, **values: Any) -> Job:
        """Make these transitions, whoever it is that makes them; returns the job afterwards."""
        with self.deps.store.begin() as session:
            for event in events:
                moved = jobs.advance(
                    session,
                    job if isinstance(job, str) else job.id,
                    event,
                    at=self.deps.clock.now(),
                    by="test",
                    **values,
                )
        return moved

    def saved(self, job: Job | str, content: bytes) -> Video:
        """The file of a take that is rendered is ours, and has these bytes."""
        sha256, now = hashlib.sha256(content).hexdigest(), self.deps.clock.now()
        for key in (f"{sha256}.mp4", f"posters/{sha256}.webp"):
            part = self.deps.settings.data_dir / "made.part"
            part.write_bytes(content)
            self.deps.storage.put_file(part, key)
        video = Video(
            id=self.deps.clock.new_id(), sha256=sha256, key=f"{sha256}.mp4", content_type="video/mp4",
            size_bytes=len(content), duration_s=2.0, width=640, height=360, fps=25.0,
            poster_key=f"posters/{sha256}.webp", created_at=now,
        )  # fmt: skip
        with self.deps.store.begin() as session:
            kept = videos.insert_or_restore(session, video)
        self.advance(job, JobEvent.SAVED, video_id=kept.id)
        return kept

    def take(self, job: Job) -> gallery.Take:
        return gallery.get_take(self.deps, ADMIN, job.id)

    def ledger(self) -> dict[str, Any]:
        """What the provider saw: every POST, what it accepted, what it billed."""
        answer: dict[str, Any] = requests.get(f"{self.sim.url}/sim/ledger", timeout=10).json()
        return answer

    @property
    def posts(self) -> int:
        """How often the provider was asked for a video."""
        return len(self.ledger()["posts"])

    @property
    def accepted(self) -> int:
        """How many of these it accepted."""
        return len(self.ledger()["requests"])

    @property
    def gone_urls(self) -> dict[str, str]:
        """Where the provider says that there is no such request."""
        url = f"{self.sim.url}/fal-ai/kling-video/requests/00000000-0000-7000-8000-000000000000"
        return {"status_url": f"{url}/status", "response_url": url}

    def set_faults(self, job: Job | str, *faults: str) -> None:
        """From now on the provider has these faults with this job's request, or the one of this id."""
        request_id = job if isinstance(job, str) else job.request_id
        url = f"{self.sim.url}/sim/requests/{request_id}/faults"
        requests.post(url, json={"faults": faults}, timeout=10).raise_for_status()

    def sweep(self) -> dict[str, Any]:
        return sweep.sweep_now(self.deps, on_progress=lambda line: None)

    def verify(self, on_progress: Callable[[str], Any] = lambda line: None) -> verify.VerifyResult:
        return verify.verify_all(self.deps, on_progress=on_progress)

    @property
    def media(self) -> Path:
        """The folder of stored files."""
        return Path(self.deps.settings.resolved_storage_url.removeprefix("file://"))


def at_once(number: int, what: Callable[[int], Any]) -> list[Any]:
    """What `what(0)`, `what(1)` … return, all called at the same moment from a thread each."""
    together, answers = threading.Barrier(number), list[Any]()

    def one(index: int) -> None:
        together.wait(60)
        answers.append(what(index))

    threads = [threading.Thread(target=one, args=(index,)) for index in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def throw(error: Exception) -> None:
    raise error


def make_unpriced(deps: Deps, job: Job) -> Job:
    """As if nobody had known what this take costs when it was asked for; returns it."""
    run_sql(
        deps,
        "UPDATE job SET estimate_usd = NULL WHERE id = :id",
        "UPDATE line SET source = 'unknown', micros = 0 WHERE job_id = :id",
        id=job.id,
    )
    return job


def run_sql(deps: Deps, *statements: str, **values: Any) -> list[Any]:
    """What the last of these statements found; all of them are committed."""
    with deps.store.begin() as session:
        for statement in statements:
            found = session.connection().execute(text(statement), values)
        return list(found.all()) if found.returns_rows else []


def cut_line_in_commit(store: Store, table: str, when: str = "true") -> None:
    """The server cuts the line to whoever commits such a `NEW` row of the table."""
    with store.begin() as session:
        for statement in (
            f"CREATE FUNCTION die() RETURNS trigger AS $$ BEGIN IF {when} THEN "
            "PERFORM pg_terminate_backend(pg_backend_pid()); END IF; RETURN NULL; END $$ LANGUAGE plpgsql",
            f"CREATE CONSTRAINT TRIGGER dies AFTER INSERT OR UPDATE ON {table} "
            "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION die()",
        ):
            session.connection().execute(text(statement))
