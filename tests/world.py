"""An installation in the hands of a test: ask, look as a worker would, read what anybody could see."""

from typing import Any

import requests

from backend.models import Job
from backend.services.access import Role, Viewer
from backend.services.deps import Deps
from backend.services.gallery import takes as gallery
from backend.services.lifecycle.claims import Claims
from backend.services.lifecycle.dispatch import run_step
from backend.services.operations import sweep
from backend.services.takes import create
from backend.services.takes.request import parse_request
from backend.store.jobs import jobs
from tests.waiting import eventually

#: A text-to-video model of the catalogue with an enum of strings as duration.
MODEL = "fal-ai/kling-video/v3/turbo/pro/text-to-video"
ANA = Viewer("ana", Role.CREATOR)
ADMIN = Viewer("root", Role.ADMIN)


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

    def look(self, job: Job) -> Job:
        """One look at a job, if it is due; returns it as it is afterwards."""
        run_step(self.deps, self.claims, job.id)
        return self.job(job)

    def job(self, job: Job | str) -> Job:
        with self.deps.store.read() as session:
            return jobs.get(session, job if isinstance(job, str) else job.id)

    def hurry(self, job: Job) -> None:
        """Make a job due now, as if its time had come."""
        with self.deps.store.begin() as session:
            jobs.make_due(session, job.id, at=self.deps.clock.now())

    def until(self, job: Job, *states: str) -> Job:
        """Look again and again, without waiting for back-offs, until the job is in one of these states."""

        def there() -> Job | None:
            if (now := self.job(job)).state in states:
                return now
            self.hurry(job)
            self.look(job)
            return None

        try:
            found: Job = eventually(there)
        except AssertionError:
            now = self.job(job)
            raise AssertionError(f"{now.state}, {now.error}, {self.history(job)}") from None
        return found

    def history(self, job: Job) -> list[str]:
        """The states that a job went through."""
        with self.deps.store.read() as session:
            return [line.state for line in jobs.list_history(session, job.id)]

    def take(self, job: Job) -> gallery.Take:
        return gallery.get_take(self.deps, ADMIN, job.id)

    def ledger(self) -> dict[str, Any]:
        """What the provider saw: every POST, what it accepted, what it billed."""
        answer: dict[str, Any] = requests.get(f"{self.sim.url}/sim/ledger", timeout=10).json()
        return answer

    def sweep(self) -> dict[str, Any]:
        return sweep.sweep_now(self.deps, on_progress=lambda line: None)
