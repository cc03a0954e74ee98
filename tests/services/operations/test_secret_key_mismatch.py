"""Hosts that sign with different keys would refuse one another's webhooks and links: they don't start."""

import pytest
from pydantic import SecretStr

from backend.bootstrap import open_deps
from backend.domain.clock import Clock
from backend.domain.errors import SettingsError
from backend.services.operations import doctor, heartbeat
from tests.world import World

HERE, THERE, OTHER_KEY = "host-a:7", "host-b:9", "another-key-of-this-test"


@pytest.fixture
def here(sidecar) -> World:
    """A host whose worker was heard of just now, by the clock that a start goes by."""
    made = sidecar.another(clock=Clock())
    heartbeat.record_heartbeat(made.deps, HERE, in_hand=0)
    return made


def test_a_host_with_another_key_than_the_living_workers_does_not_start(here):
    other = here.with_settings(secret_key=SecretStr(OTHER_KEY)).deps

    with pytest.raises(SettingsError, match=f"SECRET_KEY: it is not the one of {HERE}") as refused:
        open_deps(other.settings)

    (found,) = [check for check in doctor.run_checks(other) if check.name == "secret key"]
    assert (found.good, HERE in found.message) == (False, True)
    said = f"{refused.value} {found.message} {heartbeat.list_workers(other)}"
    assert here.deps.settings.secret_key.get_secret_value() not in said
    assert OTHER_KEY not in said


def test_hosts_with_the_same_key_start_beside_one_another(here):
    open_deps(here.deps.settings).store.close()

    assert not [check for check in doctor.run_checks(here.deps) if check.name == "secret key"]


def test_a_key_is_changed_once_nobody_works_with_the_old_one(sidecar):
    for worker in (HERE, THERE):
        heartbeat.record_heartbeat(sidecar.deps, worker, in_hand=0)
    heartbeat.forget_worker(sidecar.deps, HERE)
    changed = sidecar.with_settings(secret_key=SecretStr(OTHER_KEY)).deps
    with pytest.raises(SettingsError, match=THERE):
        heartbeat.check_secret_key(changed)

    sidecar.clock.pass_s(heartbeat.DEAD_AFTER.total_seconds() + 1)  # the other one was killed

    heartbeat.check_secret_key(changed)
