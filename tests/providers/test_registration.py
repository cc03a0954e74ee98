"""A third provider: one class, one line, and its takes go the same way as everybody's."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import pytest

from backend import bootstrap
from backend.bootstrap import build_deps
from backend.catalogue.models import VideoModel, parse_model
from backend.domain.errors import DeliveryRefused, ProviderRefused
from backend.domain.output_files import OutputFile
from backend.providers.base import (
    Errored,
    Finished,
    ProviderRecord,
    Receipt,
    RequestRef,
    RequestStatus,
    VerifiedDelivery,
    WebhookBody,
    Working,
)  # fmt: skip
from backend.services.lifecycle.webhook_target import job_token
from backend.store.records import key_values
from backend.web.app import create_app
from backend.work.embedded import work_pools
from tests.world import World

THEIRS = {"prompt": {"type": "string"}, "frames": {"type": "integer", "minimum": 1, "maximum": 9}}


class Third:
    """A provider as small as one can be: no uploads, no listing, no stopping."""

    name = "third"
    key_setting = "THIRD_KEY"
    account, key_mark = "", ""
    blocking = False
    max_concurrent_calls: int | None = None

    def __init__(self) -> None:
        self.sent: list[Mapping[str, Any]] = []
        self.asked = 0

    def submit(self, model: str, payload: Mapping[str, Any], *, webhook_url: str | None) -> Receipt:
        self.sent.append(payload)
        return Receipt(f"third-{len(self.sent)}", "", "", "")

    def status(self, ref: RequestRef) -> RequestStatus:
        self.asked += 1
        return Working() if self.asked < 2 else Errored("out_of_film", "There is no film left.")

    def result(self, ref: RequestRef) -> Finished | Errored:
        return Errored("out_of_film", "There is no film left.")

    def cancel(self, ref: RequestRef) -> bool:
        return False

    def upload(self, content: bytes, content_type: str, file_name: str) -> str:
        raise ProviderRefused("It takes no uploads.", code="no_uploads")

    def list_requests(self, model: str, *, since: datetime) -> Sequence[ProviderRecord]:
        return []

    def fetch_catalogue(self, *, on_progress: Callable[[str], None]) -> list[dict[str, Any]]:
        return []

    def unlisted_models(self) -> Sequence[VideoModel]:
        schema = {"type": "object", "properties": THEIRS, "required": ["prompt"]}
        entry = {"endpoint_id": "third/film", "provider": "third", "category": "text-to-video"}
        return [parse_model({**entry, "title": "Film", "input": schema})]

    def key_works(self) -> bool | None:
        return True

    def verify_delivery(
        self, headers: Sequence[tuple[str, str]], body: bytes, *, now: datetime
    ) -> VerifiedDelivery | None:
        signed = dict(headers).get("X-Third-Signature")
        if signed is None:
            return None
        if signed != "from the third":
            raise DeliveryRefused("that is not its signature")
        content = self.read_delivery(body)
        return VerifiedDelivery("third", "third-1", "its customer", now, False, {}, body, content)

    def read_delivery(self, body: bytes) -> WebhookBody:
        return WebhookBody("third-1", None, "done", Finished([OutputFile("video", body.decode())]))

    def load_signing_keys(self) -> int:
        return 1


@pytest.fixture
def third(monkeypatch: pytest.MonkeyPatch) -> Third:
    """Registered by one line."""
    made = Third()
    monkeypatch.setattr(
        bootstrap, "PROVIDER_FACTORIES", (*bootstrap.PROVIDER_FACTORIES, lambda settings, clock: made)
    )
    return made


def test_a_third_provider_needs_one_line_and_its_takes_go_the_same_way(third, deps, sim):
    world = World(build_deps(deps.settings), sim)
    assert [model.id for model in world.deps.catalogue.search(provider="third")] == ["third/film"]
    job = world.ask(model="third/film", provider="third", params={"frames": 3})
    assert world.until(job, "running", "failed").provider == "third"
    ended = world.until(job, "failed")
    assert (ended.error["code"], ended.error["message"]) == ("out_of_film", "There is no film left.")
    assert third.sent == [{"prompt": "A red dress in the wind", "frames": 3}]
    assert world.ledger()["posts"] == []


def test_a_third_providers_deliveries_are_believed_by_its_own_rules_and_counted_like_everybodys(
    third, deps, sim
):
    world = World(build_deps(deps.settings), sim)
    job = world.look(world.ask(model="third/film", provider="third"))
    token = job_token(deps.settings.secret_key.get_secret_value(), job.id)
    sidecar = create_app(world.deps).test_client()

    def deliver(**headers: str) -> tuple[int, Any]:
        path = f"/api/video/webhook/{job.id}/{token}"
        told = sidecar.post(path, data=b"https://third.example/a.mp4", headers=headers)
        return told.status_code, told.get_json().get("verdict")

    assert deliver()[0] == 401
    assert deliver(**{"X-Third-Signature": "from a stranger"})[0] == 401
    assert world.job(job).state == "queued"
    assert deliver(**{"X-Third-Signature": "from the third"}) == (200, "applied")
    assert deliver(**{"X-Third-Signature": "from the third"}) == (200, "duplicate")
    assert world.job(job).state == "rendered"
    with world.deps.store.read() as session:
        assert key_values.get_value(session, "third_user_id") == {"user_id": "its customer"}


def test_a_third_provider_that_blocks_has_calls_of_its_own(third, deps):
    third.max_concurrent_calls, third.blocking = 3, True
    calling = work_pools(build_deps(deps.settings))["calling"]
    assert calling.threads == 3 + deps.settings.blackbox_calls
    assert set(calling.due_filter["sent_by"]) == {"blackbox", "third"}
