"""The sidecar in the hands of a test: clients of every role, and what their answers say."""

import asyncio
import json
import re
from functools import cached_property
from typing import Any

import httpx
from flask import Flask
from flask.testing import FlaskClient
from starlette.applications import Starlette
from werkzeug.test import TestResponse

from backend.domain.states import JobEvent
from backend.models import Video
from backend.services.access import Role
from backend.services.deps import Deps
from backend.web import dashboard
from backend.web.app import create_app
from tests.services.api_document import must_fit
from tests.signing import FakeClock
from tests.viewers import put_tokens
from tests.world import MODEL, World

MIB = 1024 * 1024
BODY = {"model": MODEL, "prompt": "A red dress in the wind"}
#: What may be asked without a token: deliveries have their own, media is signed, the document and
#: health tell no secret.
OPEN = {
    "/api/video/webhook/<job_id>/<token>", "/api/openapi.json", "/media/<path:key>", "/healthz", "/readyz",
    "/metrics",
}  # fmt: skip
PUBLIC = "https://studio.example"


class SidecarClient(World):
    """The sidecar, and a client for each role. Paths may begin with its public address."""

    def __init__(self, deps: Deps, clock: FakeClock) -> None:
        super().__init__(deps, sim=None)
        self.clock = clock
        roles = {"ana": Role.CREATOR, "ben": Role.CREATOR, "eve": Role.VIEWER, "root": Role.ADMIN}
        self.tokens = put_tokens(deps, roles)

    @cached_property
    def app(self) -> Flask:
        """Made for the first who calls: many tests only look into the installation."""
        return create_app(self.deps)

    def call(self, who: str | None, method: str, path: str, **more: Any) -> TestResponse:
        """One request with somebody's token; its answer is what the document says."""
        headers = dict(more.pop("headers", {}))
        if who is not None:
            headers["Authorization"] = f"Bearer {self.tokens.get(who, who)}"
        client: FlaskClient = self.app.test_client()
        path = path.removeprefix(PUBLIC)
        answer = client.open(path, method=method, headers=headers, buffered=True, **more)
        must_fit(method, answer.request.path, answer.status_code, answer.content_type, answer.get_data())
        return answer

    def get(self, path: str, *, who: str | None = "ana", **more: Any) -> TestResponse:
        return self.call(who, "GET", path, **more)

    def start(self, body: Any = BODY, *, who: str | None = "ana", key: str | None = None) -> TestResponse:
        headers = {"Idempotency-Key": key} if key is not None else {}
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.call(who, "POST", "/api/video/start", data=data, headers=headers)

    def cancel(self, job_id: str, *, who: str = "ana") -> TestResponse:
        return self.call(who, "POST", f"/api/video/cancel/{job_id}")

    def page(self, query: str = "", **more: Any) -> Any:
        """A page of the history; query: what follows the question mark."""
        answer = self.get(f"/api/video/history?{query}", **more)
        assert answer.status_code == 200, answer.get_data(as_text=True)
        return answer.get_json()

    def started(self, **more: Any) -> str:
        answer = self.start(**more)
        assert answer.status_code == 202, answer.get_data(as_text=True)
        job_id: str = answer.get_json()["id"]
        return job_id

    def upload(self, content: bytes, name: str = "photo.jpg", *, who: str = "ana") -> TestResponse:
        """Send a photo as the multipart field `file`."""
        head = f'--edge\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
        body = head.encode() + content + b"\r\n--edge--\r\n"
        kind = "multipart/form-data; boundary=edge"
        return self.call(who, "POST", "/api/video/upload", data=body, content_type=kind)

    def stored(self, job_id: str, content: bytes = b"0123456789" * 100) -> Video:
        """A take whose file is ours, of these bytes."""
        self.advance(job_id, JobEvent.FINISHED)
        return self.saved(job_id, content)


def visit(app: Starlette, path: str, method: str = "GET", **headers: str) -> httpx.Response:
    """What a browser gets there."""

    async def answer() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here") as browser:
            return await browser.request(method, path, headers={"Accept": "text/html,*/*", **headers})

    return asyncio.run(answer())


def ask_dashboard(deps: Deps, method: str, link: str) -> httpx.Response:
    """What the dashboard's own routes answer."""
    return visit(Starlette(routes=dashboard.routes(lambda: deps)), link, method)


def said(answer: TestResponse, status: int) -> dict[str, Any]:
    """The error of an answer that must have this status."""
    assert answer.status_code == status, answer.get_data(as_text=True)
    assert answer.content_type == "application/json"
    error: dict[str, Any] = answer.get_json()["error"]
    assert error["code"]
    assert error["message"]
    return error


def at_fault(answer: TestResponse) -> dict[str, str]:
    """field -> message of a 422."""
    return {fault["field"]: fault["message"] for fault in said(answer, 422)["fields"]}


def every_route(app: Flask) -> list[tuple[str, str, str]]:
    """(method, rule, path) of every route, with something for each of its parts."""
    return [
        (method, rule.rule, re.sub(r"<[^>]*>", "x", rule.rule))
        for rule in app.url_map.iter_rules()
        for method in sorted((rule.methods or set()) - {"OPTIONS"})
    ]


ACCEPTED = (JobEvent.SUBMIT_BEGUN, JobEvent.ACCEPTED)
CONTRACT = {
    "id", "status", "state", "provider", "model", "prompt", "request_id", "elapsed_s", "queue_position",
    "error", "video", "created_at", "cost",
}  # fmt: skip


def status(sidecar: SidecarClient, job_id: str) -> dict[str, Any]:
    answer = sidecar.get(f"/api/video/status/{job_id}")
    assert answer.status_code == 200
    told: dict[str, Any] = answer.get_json()
    assert set(told) >= CONTRACT
    return told


def ids(page: dict[str, Any]) -> list[str]:
    return [item["id"] for item in page["items"]]
