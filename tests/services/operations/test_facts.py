"""Facts between two versions: rows of an older program are read, and an older one can read ours."""

from datetime import timedelta

from backend.services.lifecycle import provider_pause
from backend.services.operations import heartbeat, status
from backend.store.records import key_values


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
