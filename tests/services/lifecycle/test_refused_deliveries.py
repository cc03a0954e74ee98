"""Deliveries that are refused are counted by reason, cheaply, and nothing of them is kept."""

from backend.domain.errors import StoreUnavailable
from backend.services.lifecycle import refused_deliveries
from backend.services.lifecycle.refused_deliveries import OTHER, REASONS_MAX, RefusalCounter, list_refused
from tests import databases
from tests.signing import SECOND_KEY
from tests.waiting import eventually
from tests.world import throw

pytestmark = databases.BOTH


def told(post) -> dict[str, tuple[int, float]]:
    """reason -> how many, and the seconds from the first to the last."""
    return {
        row.reason: (row.number, (row.last_at - row.first_at).total_seconds())
        for row in list_refused(post.deps)
    }


def test_refused_deliveries_are_counted_by_reason_with_their_first_and_last_moment(post):
    job = post.made()
    for _ in range(3):
        assert post.deliver(job, key=SECOND_KEY).status_code == 401
        post.clock.pass_s(10)
    assert post.deliver(job, token="wrong").status_code == 401
    assert post.client.post(post.path(job.id), headers={"Content-Encoding": "gzip"}).status_code == 415
    assert post.client.post(post.path(job.id), data=b"x" * 1024 * 1025).status_code == 413
    assert told(post) == {
        "no key of fal verifies it": (3, 20),
        "the token is not this job's": (1, 0),
        "its body is coded": (1, 0),
        "its body is too large": (1, 0),
    }
    assert list_refused(post.deps)[-1].reason == "no key of fal verifies it"
    assert post.untouched(job)
    assert post.deliver(job).status_code == 200
    assert sum(number for number, _ in told(post).values()) == 6


def test_of_a_flood_every_refusal_is_counted_by_few_writes(post, monkeypatch):
    monkeypatch.setattr(refused_deliveries, "WRITE_EVERY_S", 0.5)
    counter, writes = RefusalCounter(post.deps), []
    monkeypatch.setattr(counter, "write", lambda: (writes.append(1), RefusalCounter.write(counter)))
    for number in range(20_000):
        counter.count(f"reason {number % 40}" if number < 40 else "flood")
    eventually(lambda: sum(number for number, _ in told(post).values()) == 20_000)
    assert len(writes) < 50
    assert len(told(post)) <= REASONS_MAX + 2
    assert OTHER in told(post)


def test_there_are_few_reasons_however_often_they_were_written_between(post):
    counter = RefusalCounter(post.deps)
    for number in range(REASONS_MAX + 8):
        counter.count(f"reason {number}")
        counter.write()
    assert len(told(post)) == REASONS_MAX + 1
    assert told(post)[OTHER][0] == 8


def test_refusals_are_counted_while_the_database_is_away_and_written_when_it_is_back(post, monkeypatch):
    counter = RefusalCounter(post.deps)
    with monkeypatch.context() as away:
        away.setattr(type(post.deps.store), "begin", lambda *_, **__: throw(StoreUnavailable("away")))
        away.setattr(refused_deliveries, "WRITE_EVERY_S", 3600.0)
        for _ in range(5):
            counter.count("flood")
    counter.write()
    assert told(post) == {"flood": (5, 0)}
