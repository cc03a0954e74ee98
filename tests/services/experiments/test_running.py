"""An experiment at work: its canary, its waves, its cap, and what stops it."""

from typing import Any

import pytest
from sqlmodel import col, select

from backend.domain.errors import InvalidRequest, NotAllowed, StateConflict
from backend.domain.experiments.errors import CapReached
from backend.domain.kinds import BudgetPeriod, BudgetScope
from backend.models import FindingRow, Job
from backend.services.access import Role, Viewer
from backend.services.experiments import change, control, retry, waves
from backend.services.experiments.running import fair_share
from backend.services.money import limits_admin
from backend.services.operations.watch import standing
from backend.services.prompting import vocabulary_admin
from backend.services.prompting.template_variables import Variable, VariableKind
from backend.services.takes import held_choices
from backend.services.takes import retry as takes_retry
from backend.store.money import ledger
from tests import databases
from tests.services.experiments.building import (
    MOVES,
    SENT,
    TAKE_USD,
    experiment_of,
    make_experiment,
    planned,
    retire_model_of,
    started,
    takes_of,
    ticks,
    trials_of,
)
from tests.viewers import LOCAL_VIEWER, make_token
from tests.world import ADMIN, UNPRICED, World, at_once, run_sql

pytestmark = databases.BOTH


@pytest.fixture
def world(still: World) -> World:
    return still


def end(world: World, job: Job, how: str, **values: Any) -> None:
    """A take that was sent comes to this."""
    for move in MOVES[how]:
        world.advance(job, move, **values)


def test_a_take_of_an_experiment_is_its_owners_and_is_made_once(world):
    experiment = started(world, 3)
    assert ticks(world, 4) == 3
    takes, trials = takes_of(world, experiment), trials_of(world, experiment)
    assert [take.form_key for take in takes] == [f"trial:{trial.id}:0" for trial in trials]
    assert {take.owner for take in takes} == {"studio"}
    assert {trial.origin for trial in trials} == {"made"}
    assert experiment_of(world, experiment).spent_micros == round(3 * TAKE_USD * 1e6)


def test_an_experiment_goes_on_with_the_template_that_it_was_planned_with_whatever_is_in_production(world):
    garment = Variable("garment", VariableKind.CHOICE, options=("coat", "dress"))
    for text in ("{{ prompt }}: {{ garment }}", "{{ garment }}! {{ prompt }}"):
        vocabulary_admin.save_template(world.deps, ADMIN, text, variables=[garment])
    vocabulary_admin.promote_template(world.deps, ADMIN, 2)
    axes = {"prompt": ["A", "B"], "variables.garment": ["coat", "dress"]}
    made = make_experiment(world.deps, LOCAL_VIEWER, axes=axes, repeats=1, canary=0, at_once=10, cap_usd=9)
    vocabulary_admin.promote_template(world.deps, ADMIN, 3)
    control.start(world.deps, LOCAL_VIEWER, made.experiment.id)
    ticks(world, 3)
    sent = {take.sent_prompt for take in takes_of(world, made.experiment.id)}
    assert sent == {"A: coat", "A: dress", "B: coat", "B: dress"}
    assert experiment_of(world, made.experiment.id).plan["base"]["template"] == 2, (
        "also for what is added later"
    )
    with pytest.raises(InvalidRequest, match="garment"):
        make_experiment(
            world.deps, LOCAL_VIEWER, axes={"prompt": ["A", "B"], "variables.garment": ["coat", "hat"]}
        )


def test_the_canary_comes_first_and_nothing_else_before_somebody_says_go_on(world):
    experiment = started(world, 5, repeats=2, canary=2)
    assert ticks(world, 3) == 2
    assert experiment_of(world, experiment).state == "canary"
    control.pause(world.deps, LOCAL_VIEWER, experiment)
    assert control.resume(world.deps, LOCAL_VIEWER, experiment).state == "canary"
    assert ticks(world, 3) == 0
    assert control.go_on(world.deps, LOCAL_VIEWER, experiment).state == "running"
    assert ticks(world, 4) == 8
    assert [trial.wave for trial in trials_of(world, experiment)].count(1) == 2


def test_no_more_are_on_their_way_than_the_plan_says(world):
    experiment = started(world, 6, at_once=3)
    assert ticks(world, 3) == 3
    end(world, takes_of(world, experiment)[0], "stored")
    assert ticks(world, 3) == 1


def test_few_takes_of_experiments_wait_to_be_sent_however_many_there_are(world):
    for _ in range(3):
        started(world, 20)
    made = [waves.make_due_takes(world.deps) for _ in range(3)]
    assert made == [fair_share.UNSENT_MAX, 0, 0]


def test_the_cap_is_never_passed_by_workers_at_once_and_then_it_pauses(world):
    experiment = started(world, 12, cap_usd=5 * TAKE_USD + 0.1)
    others = [world.another() for _ in range(3)]

    def tick(number: int) -> None:
        for _ in range(4):
            ticks(others[number])

    at_once(3, tick)
    row, takes = experiment_of(world, experiment), takes_of(world, experiment)
    assert len(takes) == 5
    assert (row.state, row.spent_micros) == ("paused", round(5 * TAKE_USD * 1e6))
    assert "The cap of $3.60 is near" in row.why
    with world.deps.store.read() as session:
        all_jobs = session.exec(select(Job.id).where(col(Job.form_key).like("trial:%"))).all()
    assert sorted(all_jobs) == sorted(take.id for take in takes)


def test_a_bill_above_its_estimate_stops_the_next_take_and_one_below_frees_nothing(world):
    experiment = started(world, 4, cap_usd=4 * TAKE_USD, at_once=1)
    ticks(world)
    (take,) = takes_of(world, experiment)
    with world.deps.store.begin() as session:
        ledger.record_bill(session, take, units=1, usd=0.1, at=world.deps.clock.now())
    end(world, take, "stored")
    ticks(world)
    assert experiment_of(world, experiment).spent_micros == round(2 * TAKE_USD * 1e6)
    with world.deps.store.begin() as session:
        second = takes_of(world, experiment)[1]
        ledger.record_bill(session, second, units=20, usd=1.5, at=world.deps.clock.now())
    end(world, second, "stored")
    ticks(world)
    row = experiment_of(world, experiment)
    assert (row.state, row.spent_micros, len(takes_of(world, experiment))) == ("paused", 2_200_000, 2)


def test_a_failed_take_that_cost_nothing_leaves_room_under_the_cap(world):
    experiment = started(world, 2, cap_usd=2 * TAKE_USD)
    ticks(world, 2)
    (first, _) = takes_of(world, experiment)
    end(world, first, "failed", error={"charged": "no"})
    retry.retry(world.deps, LOCAL_VIEWER, experiment)
    assert ticks(world) == 1
    assert experiment_of(world, experiment).state == "running"


def test_without_a_known_price_a_capped_experiment_waits_and_another_goes_on(world):
    capped, free = started(world, 1, request=UNPRICED, cap_usd=9), started(world, 1, request=UNPRICED)
    assert ticks(world, 2) == 1
    (trial,) = trials_of(world, capped)
    assert (trial.state, trial.job_id) == ("blocked", None)
    assert "Nobody knows what this take costs, and the experiment has a cap." in trial.why
    assert takes_of(world, free)


def test_a_model_that_is_gone_blocks_its_place_alone(world):
    experiment = started(world, 3)
    run_sql(world.deps, "UPDATE cell SET request = REPLACE(CAST(request AS text), 'kling', 'gone') "
            "WHERE position = 1" if world.deps.store.embedded else
            "UPDATE cell SET request = CAST(REPLACE(CAST(request AS text), 'kling', 'gone') AS json) "
            "WHERE position = 1")  # fmt: skip
    assert ticks(world, 2) == 2
    blocked = trials_of(world, experiment)[1]
    assert blocked.state == "blocked"
    assert blocked.why.startswith("This take can't be made; nothing was sent or charged. model:")
    assert experiment_of(world, experiment).state == "running"


def test_a_budget_that_has_no_room_pauses_it_and_nothing_is_lost(world):
    limits_admin.set_limit(
        world.deps, ADMIN, scope=BudgetScope.ALL, period=BudgetPeriod.DAY, usd=2 * TAKE_USD
    )
    experiment = started(world, 4)
    assert ticks(world, 3) == 2
    row = experiment_of(world, experiment)
    assert row.state == "paused"
    assert "left" in row.why
    for limit in limits_admin.list_limits(world.deps, ADMIN):
        if limit.rule.set_by == ADMIN.name:
            limits_admin.end_limit(world.deps, ADMIN, limit.rule.source)
    control.resume(world.deps, LOCAL_VIEWER, experiment)
    assert ticks(world, 2) == 2
    assert {trial.state for trial in trials_of(world, experiment)} == {"made"}


@pytest.mark.parametrize(("failing", "state"), [(6, "paused"), (5, "running")])
def test_it_pauses_when_surely_more_fail_than_may(world, failing, state):
    experiment = started(world, 12)
    ticks(world, 3)
    made = takes_of(world, experiment)[:10]
    assert len(made) == 10
    for take in made:
        end(world, take, "failed" if made.index(take) < failing else "stored")
    run_sql(world.deps, "UPDATE trial SET state = 'planned', job_id = NULL WHERE number = 0 AND id = :id",
            id=trials_of(world, experiment)[-1].id)  # fmt: skip
    ticks(world)
    row = experiment_of(world, experiment)
    assert row.state == state
    if state == "paused":
        assert row.why.startswith("6 of the last 10 takes failed")
        control.resume(world.deps, LOCAL_VIEWER, experiment)
        assert ticks(world) == 1


@pytest.mark.parametrize("untried", [False, True])
def test_a_verdict_on_all_cells_pauses_it_until_a_person_resumes_it(world, untried):
    experiment = started(world, 8)
    deps = world.deps
    ticks(world)
    verdict = {"code": "as_good", "words": "B is as good as any (97 %)."}
    found = {"finding": {"verdict": verdict, "cells": [{"takes": 1}, {"takes": 0 if untried else 1}]}}
    row = FindingRow(
        experiment_id=experiment,
        criterion_id=experiment,
        last_vote="",
        method="m",
        data=found,
        at=deps.clock.now(),
    )
    with deps.store.begin() as session:
        session.add(row)
    ticks(world)
    now = experiment_of(world, experiment)
    assert now.state == ("running" if untried else "paused")
    if untried:
        return
    assert now.why.startswith("What was asked is answered: B is as good as any (97 %). Nothing more is made")
    control.resume(deps, LOCAL_VIEWER, experiment)
    assert ticks(world) == 4


@pytest.mark.parametrize("verdict", ["", "as_good"])
def test_what_becomes_of_the_first_takes_does_not_stop_them_a_person_looks_at_all(world, verdict):
    experiment = started(world, 14, canary=12, at_once=11)
    ticks(world, 3)
    for take in takes_of(world, experiment):
        end(world, take, "stored" if verdict else "failed")
    found = {"finding": {"verdict": {"code": verdict, "words": "B is as good as any (97 %)."}}}
    row = FindingRow(
        experiment_id=experiment, criterion_id=experiment, last_vote="", method="m", data=found,
        at=world.deps.clock.now(),
    )  # fmt: skip
    with world.deps.store.begin() as session:
        session.add(row)
    control.pause(world.deps, LOCAL_VIEWER, experiment)
    control.resume(world.deps, LOCAL_VIEWER, experiment)
    ticks(world)
    assert (experiment_of(world, experiment).state, len(takes_of(world, experiment))) == ("canary", 12)


def test_an_experiment_that_stands_still_is_told_to_operators_once(world, caplog):
    experiment = started(world, 3, at_once=1)
    ticks(world)
    control.pause(world.deps, LOCAL_VIEWER, experiment)
    end(world, takes_of(world, experiment)[0], "stored")
    world.deps.clock.pass_s(2 * waves.STILL_AFTER.total_seconds())
    control.resume(world.deps, LOCAL_VIEWER, experiment)
    assert ticks(world) == 1
    assert not [record for record in caplog.records if record.message == "experiments stand still"]
    world.deps.clock.pass_s(2 * waves.STILL_AFTER.total_seconds())
    ticks(world, 3)
    told = [record for record in caplog.records if record.message == "experiments stand still"]
    assert [record.experiments for record in told] == [[experiment]]
    waves.pause_by_itself(world.deps, started(world, 1), "It broke.")
    control.pause(world.deps, LOCAL_VIEWER, started(world, 1))  # meant so: nobody is told
    first = started(world, 2, canary=1)
    world.deps.clock.pass_s(2 * waves.STILL_AFTER.total_seconds())
    why = {one.id: one.why for one in standing.list_standing(world.deps)}
    assert len(why) == 3
    assert "Places wait for a take" in why[experiment]
    assert "first takes" in why[first]
    assert "It broke." in why.values()


def test_retry_makes_only_what_failed_again_and_never_what_is_held(world):
    experiment = planned(world, 3, request={"model": "fal-ai/veo3.1", "params": {}})
    run_sql(world.deps, "UPDATE trial SET seed = 7")
    control.start(world.deps, LOCAL_VIEWER, experiment)
    ticks(world)
    stored, failed, held = takes_of(world, experiment)
    end(world, stored, "stored")
    end(world, failed, "failed")
    run_sql(world.deps, "UPDATE job SET state = 'held' WHERE id = :id", id=held.id)
    at_once(3, lambda _: retry.retry(world.deps, LOCAL_VIEWER, experiment))
    assert ticks(world, 2) == 1
    states = [(one.state, one.origin, one.attempt, one.seed) for one in trials_of(world, experiment)]
    assert states == [
        ("made", "made", 0, 7), ("retried", "made", 0, 7), ("made", "made", 0, 7), ("made", "retried", 1, 7)
    ]  # fmt: skip


def test_retry_leaves_dropped_cells_and_what_can_no_longer_be_made_and_may_resume_under_the_cap_alone(world):
    experiment = started(world, 4, cap_usd=5 * TAKE_USD)
    ticks(world)
    cells = [one.cell_id for one in trials_of(world, experiment)]
    for take in takes_of(world, experiment):
        end(world, take, "failed")
    dropped, gone, *others = cells
    change.change_cells(world.deps, LOCAL_VIEWER, experiment, drop=[dropped])
    retire_model_of(world.deps, gone)
    waves.pause_by_itself(world.deps, experiment, "4 of the last 4 takes failed.")
    done = retry.retry_failed(world.deps, LOCAL_VIEWER, experiment, resume=True)
    assert (done.takes, done.experiment.state) == (2, "running")
    again = [one.cell_id for one in trials_of(world, experiment) if one.state == "planned"]
    assert sorted(again) == sorted(others)
    assert ticks(world, 2) == 1, "what failed may have been charged, and counts"
    row = experiment_of(world, experiment)
    assert (row.state, row.spent_micros) == ("paused", round(5 * TAKE_USD * 1e6))
    row = change.raise_cap(world.deps, LOCAL_VIEWER, experiment, cap_usd=6 * TAKE_USD)
    assert (row.state, row.cap_micros) == ("running", round(6 * TAKE_USD * 1e6))
    assert change.raise_cap(world.deps, LOCAL_VIEWER, experiment, cap_usd=1.0).cap_micros == row.cap_micros
    assert ticks(world, 2) == 1
    with pytest.raises(InvalidRequest, match="cap_usd"):
        change.raise_cap(world.deps, LOCAL_VIEWER, experiment, cap_usd=-1)


def test_a_take_made_again_from_its_own_page_stands_in_its_place_within_the_cap_while_that_is_open(world):
    """Failed and retried, held and sent again. Once it is closed, a retry stands alone."""
    experiment = started(world, 3, cap_usd=4 * TAKE_USD)
    ticks(world)
    failed, held, other = takes_of(world, experiment)
    end(world, failed, "failed", error={"charged": "no"})
    end(world, held, "held")
    control.pause(world.deps, LOCAL_VIEWER, experiment)  # a person asks for this one take all the same
    again = takes_retry.retry_job(world.deps, LOCAL_VIEWER, failed.id)
    run_sql(world.deps, "UPDATE experiment SET cap_micros = 2100000")
    with pytest.raises(CapReached):  # the held one may have been charged: four count
        held_choices.send_again(world.deps, LOCAL_VIEWER, held.id)
    assert world.job(held).state == "held"
    run_sql(world.deps, "UPDATE experiment SET cap_micros = 2800000")
    resent = held_choices.send_again(world.deps, LOCAL_VIEWER, held.id)
    made = {one.job_id: (one.state, one.origin, one.attempt) for one in trials_of(world, experiment)}
    assert made == {
        failed.id: ("retried", "made", 0), again.id: ("made", "retried", 1),
        held.id: ("retried", "made", 0), resent.id: ("made", "retried", 1), other.id: ("made", "made", 0),
    }  # fmt: skip
    assert experiment_of(world, experiment).spent_micros == 2_800_000
    world.advance(again, *SENT)
    end(world, again, "failed", error={"charged": "no"})
    control.close(world.deps, LOCAL_VIEWER, experiment)
    alone = takes_retry.retry_job(world.deps, LOCAL_VIEWER, again.id)
    assert alone.id not in {one.job_id for one in trials_of(world, experiment)}


def test_close_cancels_what_was_not_sent_and_nothing_else_and_is_written_down_once(world):
    experiment = started(world, 8)
    ticks(world)
    waves.make_due_takes(world.deps)
    people = [LOCAL_VIEWER, ADMIN]
    rows = at_once(2, lambda number: control.close(world.deps, people[number], experiment))
    assert {row.state for row in rows} == {"closed"}
    assert [take.state for take in takes_of(world, experiment)] == ["queued"] * 4 + ["cancelled"] * 4
    assert "Cancelled by" in takes_of(world, experiment)[-1].error["message"]
    closed = run_sql(world.deps, "SELECT actor FROM audit WHERE action = 'experiment.closed'")
    assert len(closed) == 1
    assert ticks(world) == 0


def test_what_waits_when_it_is_closed_gets_no_take(world):
    experiment = started(world, 8)
    ticks(world)
    control.close(world.deps, LOCAL_VIEWER, experiment)
    assert [one.state for one in trials_of(world, experiment)] == ["made"] * 4 + ["dropped"] * 4
    with pytest.raises(StateConflict):
        control.start(world.deps, LOCAL_VIEWER, experiment)


def test_an_owner_who_may_no_longer_start_takes_pauses_it(world):
    make_token(world.deps, "bot", Role.CREATOR)
    experiment = started(world, 6, owner="bot")
    assert ticks(world) == 4
    run_sql(world.deps, "UPDATE token SET role = 'viewer' WHERE name = 'bot'")
    ticks(world)
    assert experiment_of(world, experiment).why.startswith("bot, whose experiment it is, may not start takes")


def test_only_the_owner_and_reviewers_run_it(world):
    experiment = planned(world, 1)
    with pytest.raises(NotAllowed, match="This experiment is studio's"):
        control.start(world.deps, Viewer("cy", Role.CREATOR), experiment)
    assert control.start(world.deps, Viewer("rev", Role.REVIEWER), experiment).state == "running"
