"""A third provider: one class, one line, and its takes go the same way as everybody's."""

import pytest

from backend import bootstrap
from backend.bootstrap import build_deps
from backend.catalogue.models import parse_model
from backend.domain.errors import DeliveryRefused, ProviderRefused
from backend.domain.output_files import OutputFile
from backend.providers.base import Errored, Finished, Receipt, VerifiedDelivery, WebhookBody, Working
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
    max_concurrent_calls = None

    def __init__(self):
        self.sent, self.asked = [], 0

    def submit(self, model, payload, *, webhook_url):
        self.sent.append(payload)
        return Receipt(f"third-{len(self.sent)}", "", "", "")

    def status(self, ref):
        self.asked += 1
        return Working() if self.asked < 2 else Errored("out_of_film", "There is no film left.")

    def result(self, ref):
        return Errored("out_of_film", "There is no film left.")

    def cancel(self, ref):
        return False

    def upload(self, content, content_type, file_name):
        raise ProviderRefused("It takes no uploads.", code="no_uploads")

    def list_requests(self, model, *, since):
        return []

    def list_bills(self, *, since, until):
        return None

    def read_balance(self):
        return None

    def fetch_catalogue(self, *, on_progress):
        return []

    def unlisted_models(self):
        schema = {"type": "object", "properties": THEIRS, "required": ["prompt"]}
        entry = {"endpoint_id": "third/film", "provider": "third", "category": "text-to-video"}
        return [parse_model({**entry, "title": "Film", "input": schema})]

    def key_works(self):
        return True

    def verify_delivery(self, headers, body, *, now):
        signed = dict(headers).get("X-Third-Signature")
        if signed is None:
            return None
        if signed != "from the third":
            raise DeliveryRefused("that is not its signature")
        content = self.read_delivery(body)
        return VerifiedDelivery("third", "third-1", "its customer", now, False, {}, body, content)

    def read_delivery(self, body):
        return WebhookBody("third-1", None, "done", Finished([OutputFile("video", body.decode())]))

    def load_signing_keys(self):
        return 1


@pytest.fixture
def third(monkeypatch):
    """Registered by one line."""
    made, known = Third(), bootstrap.PROVIDER_FACTORIES
    monkeypatch.setattr(bootstrap, "PROVIDER_FACTORIES", (*known, lambda settings, clock: made))
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


def test_a_third_providers_deliveries_are_believed_by_its_own_rules_and_counted_like_all(third, deps, sim):
    world = World(build_deps(deps.settings), sim)
    job = world.look(world.ask(model="third/film", provider="third"))
    token = job_token(deps.settings.secret_key.get_secret_value(), job.id)
    sidecar = create_app(world.deps).test_client()

    def deliver(signature):
        path, headers = f"/api/video/webhook/{job.id}/{token}", {"X-Third-Signature": signature}
        told = sidecar.post(path, data=b"https://third.example/a.mp4", headers=headers if signature else {})
        return told.status_code, told.get_json().get("verdict")

    assert [deliver(signature)[0] for signature in ("", "from a stranger")] == [401, 401]
    assert world.job(job).state == "queued"
    assert [deliver("from the third") for _ in range(2)] == [(200, "applied"), (200, "duplicate")]
    assert world.job(job).state == "rendered"
    with world.deps.store.read() as session:
        assert key_values.get_value(session, "third_user_id") == {"user_id": "its customer"}


def test_a_third_provider_that_blocks_has_calls_of_its_own(third, deps):
    third.max_concurrent_calls, third.blocking = 3, True
    calling = work_pools(build_deps(deps.settings))["calling"]
    assert calling.threads == 3 + deps.settings.blackbox_calls
    assert set(calling.due_filter["sent_by"]) == {"blackbox", "third"}
