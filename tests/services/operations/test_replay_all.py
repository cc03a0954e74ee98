"""Every delivery since a moment is applied again: once each, whoever is stopped, asks twice or joins in."""

import threading
from datetime import timedelta

import pytest

from backend.domain.errors import InvalidRequest, NotAllowed, StateConflict, StoreUnavailable
from backend.services.operations.inbox import replay_all
from backend.services.operations.inbox.replay_all import ReplayState
from tests import databases
from tests.services.receiving import verdict
from tests.world import ADMIN, ANA, run_sql

pytestmark = databases.BOTH
#: fal signs what it sends; what is older than this is kept, and not applied.
TOO_OLD = timedelta(seconds=301)


def missed(post, number: int) -> list:
    """Takes whose deliveries are kept and moved nothing, as after a fault of ours."""
    made = [post.made() for _ in range(number)]
    for job in made:
        assert verdict(post.deliver(job, at=post.clock.now() - TOO_OLD)) == "stale"
    return made


def replays(post) -> list[int]:
    return [kept.replays for kept in reversed(post.kept())]


def states(post, made) -> list[str]:
    return [post.job(job).state for job in made]


def test_what_was_missed_is_applied_and_what_came_before_or_was_applied_stays(post):
    (early,) = missed(post, 1)
    post.clock.pass_s(60)
    since = post.clock.now()
    made, there = missed(post, 3), post.made()
    post.deliver(there)
    rendered = post.job(there)
    gone = post.made()
    post.deliver(gone, at=post.clock.now() - TOO_OLD)
    run_sql(post.deps, "DELETE FROM job WHERE id = :id", id=gone.id)

    assert replay_all.request_replay(post.deps, ADMIN, since).total == 5
    assert replay_all.work_off_replay(post.deps) == 5

    found = replay_all.last_replay(post.deps)
    assert (found.state, found.done) == (ReplayState.DONE, 5)
    assert found.became == {"applied": 3, "no_effect": 1, "orphan": 1}
    assert states(post, [*made, early]) == ["rendered"] * 3 + ["queued"]
    assert post.job(there) == rendered
    assert replays(post) == [0, 1, 1, 1, 1, 0]  # of the last one's take nothing is here


def test_it_goes_on_where_a_worker_stopped_and_asked_for_twice_it_is_one(post):
    since, made = post.clock.now(), missed(post, 4)
    replay_all.request_replay(post.deps, ADMIN, since)

    class After(threading.Event):
        """A worker that is told to leave after two."""

        def wait(self, timeout=None):
            if replay_all.last_replay(post.deps).done == 2:
                self.set()
            return self.is_set()

    assert replay_all.work_off_replay(post.another(stopping=After()).deps) == 2
    assert states(post, made) == ["rendered", "rendered", "queued", "queued"]
    assert replay_all.request_replay(post.deps, ADMIN, since).done == 2
    with pytest.raises(StateConflict, match="under way"):
        replay_all.request_replay(post.deps, ADMIN, since - timedelta(hours=1))

    assert replay_all.work_off_replay(post.deps) == 2
    assert states(post, made) == ["rendered"] * 4
    assert replays(post) == [1] * 4

    replay_all.request_replay(post.deps, ADMIN, since)  # once more, after its end
    replay_all.work_off_replay(post.deps)
    assert replay_all.last_replay(post.deps).became == {"no_effect": 4}
    assert [post.history(job).count("rendered") for job in made] == [1] * 4


def test_two_workers_at_once_apply_each_delivery_once(post):
    since, made = post.clock.now(), missed(post, 12)
    replay_all.request_replay(post.deps, ADMIN, since)
    did: list[int] = []
    workers = [
        threading.Thread(target=lambda: did.append(replay_all.work_off_replay(post.deps))) for _ in range(3)
    ]
    for each in workers:
        each.start()
    for each in workers:
        each.join()
    assert sum(did) == 12
    assert replays(post) == [1] * 12
    assert states(post, made) == ["rendered"] * 12


def test_a_person_stops_it_and_lets_it_go_on(post):
    since, made = post.clock.now(), missed(post, 2)
    replay_all.request_replay(post.deps, ADMIN, since)
    replay_all.stop_replay(post.deps, ADMIN)
    assert replay_all.work_off_replay(post.deps) == 0
    assert states(post, made) == ["queued"] * 2
    replay_all.resume_replay(post.deps, ADMIN)
    assert replay_all.work_off_replay(post.deps) == 2


def test_one_that_nobody_can_apply_is_counted_and_holds_up_none(post, monkeypatch):
    since, made = post.clock.now(), missed(post, 3)
    real, bad = replay_all.replay_kept, post.kept()[1].id

    def stumble(deps, session, delivery_id, *, by):
        found = real(deps, session, delivery_id, by=by)
        return found if delivery_id != bad else 1 / 0

    monkeypatch.setattr(replay_all, "replay_kept", stumble)
    replay_all.request_replay(post.deps, ADMIN, since)
    with pytest.raises(ZeroDivisionError):
        replay_all.work_off_replay(post.deps)
    replay_all.work_off_replay(post.deps)  # the clock calls again

    assert replay_all.last_replay(post.deps).became == {"applied": 2, "failed": 1}
    assert states(post, made) == ["rendered", "queued", "rendered"]


def test_while_the_database_is_away_none_is_passed_over(post, monkeypatch):
    since, made = post.clock.now(), missed(post, 2)
    real = replay_all.replay_kept
    replay_all.request_replay(post.deps, ADMIN, since)

    def lose(*_, **__):
        raise StoreUnavailable("the server went away")

    monkeypatch.setattr(replay_all, "replay_kept", lose)
    with pytest.raises(StoreUnavailable):
        replay_all.work_off_replay(post.deps)
    assert replay_all.last_replay(post.deps).done == 0
    monkeypatch.setattr(replay_all, "replay_kept", real)
    assert replay_all.work_off_replay(post.deps) == 2
    assert states(post, made) == ["rendered"] * 2


def test_what_cannot_be_asked_for_is_said(post):
    now = post.clock.now()
    with pytest.raises(StateConflict, match="No delivery came since"):
        replay_all.request_replay(post.deps, ADMIN, now)
    with pytest.raises(InvalidRequest, match="still to come"):
        replay_all.request_replay(post.deps, ADMIN, now + timedelta(minutes=1))
    for each in (replay_all.stop_replay, replay_all.resume_replay):
        with pytest.raises(StateConflict):
            each(post.deps, ADMIN)
    for ask in (
        lambda: replay_all.request_replay(post.deps, ANA, now),
        lambda: replay_all.stop_replay(post.deps, ANA),
    ):
        with pytest.raises(NotAllowed):
            ask()
