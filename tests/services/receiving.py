"""The receiving side in the hands of a test: jobs in any state, and deliveries for them as fal sends them."""

import itertools
import json
from datetime import datetime
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from backend.domain.states import JobEvent
from backend.models import Delivery, Job
from backend.services.deps import Deps
from backend.services.lifecycle import webhook_target
from backend.services.lifecycle.webhook_target import job_token
from backend.store.jobs import deliveries
from backend.store.records import key_values
from backend.web.app import create_app
from tests.services.client import ACCEPTED
from tests.signing import FakeClock, signed
from tests.world import World

SECRET = "a-secret-of-this-test-alone"
FAL_KEY = "id:key-of-this-test"
LINK = "https://v3b.fal.media/files/b/x/out.mp4"

#: The events that bring a new job to each state.
WAY: dict[str, tuple[JobEvent, ...]] = {
    "created": (),
    "submitting": ACCEPTED[:1],
    "queued": ACCEPTED,
    "running": (*ACCEPTED, JobEvent.STARTED),
    "held": (*ACCEPTED[:1], JobEvent.UNANSWERED),
    "failed": (*ACCEPTED, JobEvent.ERRORED),
    "cancelled": (*ACCEPTED, JobEvent.CANCELLED),
    "rendered": (*ACCEPTED, JobEvent.FINISHED),
    "stored": (*ACCEPTED, JobEvent.FINISHED, JobEvent.SAVED),
}


class Post(World):
    """The receiving side and its fal: jobs in any state, and deliveries for them."""

    def __init__(self, deps: Deps, clock: FakeClock) -> None:
        super().__init__(deps, sim=None)
        self.clock = clock
        self.client: FlaskClient = create_app(deps).test_client()
        self._numbers = itertools.count(1)

    def made(self, state: str = "queued") -> Job:
        """A job in this state, with a request id if it was accepted."""
        job = self.ask("A red dress")
        for event in WAY[state]:
            accepted = {"request_id": f"req-{next(self._numbers)}"} if event == JobEvent.ACCEPTED else {}
            job = self.advance(job, event, **accepted)
        return job

    def kept(self) -> list[Delivery]:
        """The inbox, newest first."""
        with self.deps.store.read() as session:
            return list(deliveries.list_newest(session, limit=100))

    def account(self) -> str | None:
        with self.deps.store.read() as session:
            fact = key_values.get(session, webhook_target.account_key("fal"))
        return str(fact.value["user_id"]) if fact else None

    def untouched(self, job: Job) -> bool:
        """Nothing was kept, learnt or done to this job."""
        return (self.kept(), self.job(job), self.account()) == ([], job, None)

    def path(self, job_id: str, token: str | None = None) -> str:
        return f"/api/video/webhook/{job_id}/{token or job_token(SECRET, job_id)}"

    def deliver(
        self,
        job: Job,
        body: bytes | None = None,
        *,
        at: datetime | None = None,
        token: str | None = None,
        headers: Any = None,
        **who: Any,
    ) -> TestResponse:
        """POST a delivery for a job, signed as fal would sign it."""
        request_id = job.request_id or "req-new"
        body = ok(request_id) if body is None else body
        if headers is None:
            headers = signed(body, request_id=request_id, at=at or self.clock.now(), **who)
        return self.client.post(self.path(job.id, token), data=body, headers=headers)


def body_of(request_id: str, **value: Any) -> bytes:
    return json.dumps({"request_id": request_id, "gateway_request_id": request_id, **value}).encode()


def ok(request_id: str, link: str = LINK) -> bytes:
    return body_of(request_id, status="OK", error=None, payload={"video": {"url": link, "file_size": 4096}})


def failed(request_id: str, kind: str = "content_policy_violation") -> bytes:
    detail = [{"type": kind, "msg": "flagged", "loc": ["body", "prompt"], "input": {"prompt": "A red dress"}}]
    return body_of(request_id, status="ERROR", error="Invalid status code: 422", payload={"detail": detail})


def verdict(answer: TestResponse) -> str:
    assert answer.status_code == 200, answer.get_data(as_text=True)
    said: str = answer.get_json()["verdict"]
    return said


#: What may come for one request.
KINDS = {
    "ok": lambda request: ok(request),
    "other ok": lambda request: ok(request, LINK + "?again"),
    "error": lambda request: failed(request),
    "other error": lambda request: failed(request, "internal_server_error"),
    "null": lambda request: body_of(request, status="OK", payload=None, payload_error="too large"),
    "new word": lambda request: body_of(request, status="PARTIAL", payload={"video": {"url": LINK}}),
    "unreadable": lambda request: b"{" + request.encode(),
}
