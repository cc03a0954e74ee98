"""Hosts that sign with different keys would refuse one another's webhooks and links: they don't start."""

from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from backend.bootstrap import build_deps, open_deps
from backend.domain.errors import SettingsError
from backend.services.deps import Deps
from backend.services.operations import doctor, heartbeat
from tests.services.client import SidecarClient

HERE, THERE = "host-a:7", "host-b:9"


def with_key(deps: Deps, key: str) -> Deps:
    return build_deps(deps.settings.model_copy(update={"secret_key": SecretStr(key)}), clock=deps.clock)


@pytest.fixture
def here(sidecar: SidecarClient) -> Iterator[Deps]:
    """A host whose worker was heard of just now, by the clock that a start goes by."""
    made = build_deps(sidecar.deps.settings)
    heartbeat.record_heartbeat(made, HERE, in_hand=0)
    yield made
    made.store.close()


def test_a_host_with_another_key_than_the_living_workers_does_not_start(here):
    other = with_key(here, "another-key-of-this-test")

    with pytest.raises(SettingsError, match=f"SECRET_KEY: it is not the one of {HERE}") as refused:
        open_deps(other.settings)

    (found,) = [check for check in doctor.run_checks(other) if check.name == "secret key"]
    assert not found.good
    assert HERE in found.message
    for said in (
        str(refused.value),
        found.message,
        *(sign.key_fingerprint for sign in heartbeat.list_workers(here)),
    ):
        assert here.settings.secret_key.get_secret_value() not in said
        assert "another-key-of-this-test" not in said
    other.store.close()


def test_hosts_with_the_same_key_start_beside_one_another(here):
    open_deps(here.settings).store.close()

    assert not [check for check in doctor.run_checks(here) if check.name == "secret key"]


def test_a_key_is_changed_once_nobody_works_with_the_old_one(sidecar):
    heartbeat.record_heartbeat(sidecar.deps, HERE, in_hand=0)
    heartbeat.record_heartbeat(sidecar.deps, THERE, in_hand=0)
    heartbeat.forget_worker(sidecar.deps, HERE)
    changed = with_key(sidecar.deps, "the-new-key-of-this-test")
    with pytest.raises(SettingsError, match=THERE):
        heartbeat.check_secret_key(changed)

    sidecar.clock.pass_s(heartbeat.DEAD_AFTER.total_seconds() + 1)  # the other one was killed

    heartbeat.check_secret_key(changed)
    changed.store.close()
