"""What processes leave each other: keys that differ stop a start, and facts are read across versions."""

from datetime import timedelta

import pytest
from pydantic import SecretStr

from backend.bootstrap import open_deps
from backend.domain.clock import Clock
from backend.domain.errors import SettingsError
from backend.services.lifecycle import provider_pause
from backend.services.operations import doctor, heartbeat, status
from backend.store.records import key_values
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


@pytest.mark.databases("sqlite")  # a server's own clock can't be set
def test_a_key_is_changed_once_nobody_works_with_the_old_one(sidecar):
    for worker in (HERE, THERE):
        heartbeat.record_heartbeat(sidecar.deps, worker, in_hand=0)
    heartbeat.forget_worker(sidecar.deps, HERE)
    changed = sidecar.with_settings(secret_key=SecretStr(OTHER_KEY)).deps
    with pytest.raises(SettingsError, match=THERE):
        heartbeat.check_secret_key(changed)

    silent_s = heartbeat.RED_LEASES * sidecar.deps.settings.lease_s
    sidecar.clock.pass_s(silent_s + 1)  # the other one was killed

    heartbeat.check_secret_key(changed)


# -- facts between two versions ---------------------------------------------------------------------


def test_rows_of_an_older_program_are_read_and_what_a_newer_one_adds_is_passed_over(world):
    now = world.deps.clock.now()
    until = now + timedelta(hours=1)
    with world.deps.store.begin() as session:
        for name, value in {
            "worker:old:1": {"in_hand": 3},
            "worker:new:1": {"in_hand": 4, "mood": "fine"},
            "pause:fal": {"reason": "No.", "code": "http_401", "refusals": 2, "until": until.isoformat()},
            "sweep": {"did": {"looks": 2}, "took_s": 0.1},
        }.items():
            key_values.set_value(session, name, value, at=now)
    signs = [(sign.name, sign.in_hand, sign.key_fingerprint) for sign in heartbeat.list_workers(world.deps)]
    assert signs == [("new:1", 4, None), ("old:1", 3, None)]
    assert provider_pause.list_pauses(world.deps)["fal"].until == until
    swept = status.last_sweep(world.deps)
    assert (swept.at, swept.by, swept.did) == (now, "", {"looks": 2})


def test_an_older_program_finds_the_keys_that_it_reads(world):
    heartbeat.record_heartbeat(world.deps, "here:1", in_hand=1)
    provider_pause.pause_provider(world.deps, "fal", reason="No.", code="http_401")
    with world.deps.store.read() as session:
        sign, pause = (key_values.get_value(session, name) for name in ("worker:here:1", "pause:fal"))
    assert {"in_hand", "key", "clock_off_s"} <= sign.keys()
    assert {"reason", "code", "refusals", "until", "key"} <= pause.keys()
