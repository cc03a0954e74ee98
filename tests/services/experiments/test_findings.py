"""Findings: kept and the same for all, computed once, with what is left out said."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from sqlmodel import select, update

from backend.domain.errors import InvalidRequest, NotFound
from backend.domain.experiments.errors import CapReached
from backend.models import Criterion, ExperimentRater, FindingRow, Job, LedgerEntry, Trial, Vote
from backend.science import fit
from backend.services.experiments import control, findings, view
from backend.services.experiments.doors.export_rows import ExperimentTables
from backend.services.experiments.judging import criteria
from backend.services.experiments.judging.votes import list_for_fit
from backend.services.experiments.reports import level_figures
from backend.services.experiments.reports.report import write_report
from backend.services.gallery import figures
from backend.store.experiments import counting, running
from backend.store.money import ledger
from backend.store.money.ledger import MICROS_PER_USD
from tests import databases
from tests.services.client import at_fault
from tests.services.experiments.building import plan_body, started, ticks
from tests.viewers import LOCAL_VIEWER
from tests.world import ANA, run_sql

pytestmark = databases.BOTH


@pytest.fixture
def judged(world):
    """An experiment of two prompts with six takes each, all stored, and its takes by cell."""
    experiment = started(world, 2, repeats=6)
    ticks(world, 3)
    with world.deps.store.begin() as session:
        of_cell: dict[str, list[str]] = {}
        for trial in session.exec(select(Trial).where(Trial.experiment_id == experiment)).all():
            assert trial.job_id
            job = session.get(Job, trial.job_id)
            job.state = "stored"
            session.add(job)
            of_cell.setdefault(trial.cell_id, []).append(trial.job_id)
    return experiment, list(of_cell.values())


def give(world, experiment, left, right, choice="left", rater="ben", **more):
    """A vote as it is kept."""
    now = world.deps.clock.now()
    vote = Vote(
        id=world.deps.clock.new_id(), experiment_id=experiment, criterion_id=experiment, left_job=left,
        right_job=right, rater=rater, choice=choice, at=now, **{"kind": "person", **more},
    )  # fmt: skip
    with world.deps.store.begin() as session:
        session.add(vote)
    return vote.id


def find(world, experiment, **more):
    return findings.current_finding(world.deps, LOCAL_VIEWER, experiment, **more)


def test_a_finding_is_what_the_library_says_of_the_same_votes_with_the_names_of_cells(world, judged):
    experiment, (a, b) = judged
    random = np.random.default_rng(1)
    votes = [(a[n % 6], b[int(random.integers(6))]) for n in range(24)]
    for left, right in votes:
        give(world, experiment, left, right)
    found = find(world, experiment)
    takes = {take: cell for cell, own in zip("AB", (a, b), strict=True) for take in own}
    same = fit([(*pair, "left", "ben") for pair in votes], takes).as_json()
    assert [cell["win_rate"] for cell in found["cells"]] == [cell["win_rate"] for cell in same["cells"]]
    assert found["votes"] == 24
    assert [(cell["label"], cell["takes"], cell["votes"]) for cell in found["cells"]] == [
        ("0", 6, 24), ("1", 6, 24),
    ]  # fmt: skip
    assert {(one["axis"], one["level"]) for one in found["effects"]} == {("prompt", "0"), ("prompt", "1")}
    json.dumps(found)


def test_a_finding_is_computed_once_for_many_askers_and_again_when_a_vote_came(world, judged, monkeypatch):
    experiment, (a, b) = judged
    computed, one_at_a_time = [], threading.Lock()
    compute = findings._compute

    def counted(asked, given):
        with one_at_a_time:
            computed.append(len(given.votes))
        return compute(asked, given)

    monkeypatch.setattr(findings, "_compute", counted)
    give(world, experiment, a[0], b[0])
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda _: find(world, experiment), range(6)))
    assert computed == [1]
    assert all(one == found[0] for one in found)
    undone = give(world, experiment, b[1], a[1])
    assert find(world, experiment)["votes"] == 2
    with world.deps.store.begin() as session:
        vote = session.get(Vote, undone)
        vote.undone_at = world.deps.clock.now()
        session.add(vote)
    assert find(world, experiment)["votes"] == 1
    assert computed == [1, 2, 1]
    with world.deps.store.read() as session:
        assert len(session.exec(select(FindingRow)).all()) == 1, "the newest stands in place of those before"


def test_sighted_votes_left_out_raters_and_machines_are_told_and_change_no_number(world, judged):
    experiment, (a, b) = judged
    for n in range(6):
        give(world, experiment, a[n], b[n])
    plain = find(world, experiment)
    for n in range(4):
        give(world, experiment, b[n], a[n], rater="cleo", sighted=True)
        give(world, experiment, b[n], a[n], rater="gpt", kind="machine")
        give(world, experiment, b[n], a[n], rater="dan")
    with world.deps.store.begin() as session:
        session.add(
            ExperimentRater(experiment_id=experiment, rater="dan", excluded_at=world.deps.clock.now())
        )
    found = find(world, experiment)
    assert found["cells"] == plain["cells"]
    assert found["verdict"]["words"].startswith(plain["verdict"]["words"])
    for words in ("4 by who had seen", "4 of a machine", "4 of a rater who was left out"):
        assert words in found["verdict"]["words"]
    raters = {one["rater"]: one for one in found["agreement"]["raters"]}
    assert set(raters) == {"ben", "dan", "gpt"}
    assert (raters["gpt"]["votes"], raters["gpt"]["agrees"], raters["gpt"]["flagged"]) == (4, 0.0, False)
    assert "not counted" in raters["gpt"]["why"]


def test_every_place_that_counts_votes_counts_the_same_ones(world, judged):
    experiment, (a, b) = judged
    deps, now = world.deps, world.deps.clock.now()
    told = {
        "counts": give(world, experiment, a[0], b[0]),
        "imported": give(world, experiment, b[1], a[1], kind="imported"),
        "undone": give(world, experiment, a[2], b[2], undone_at=now, sighted=True),
        "gone": give(world, experiment, a[5], b[2], kind="machine"),
        "machine": give(world, experiment, a[3], b[3], kind="machine", rater="dan"),
        "excluded": give(world, experiment, a[3], b[3], rater="dan", sighted=True),
        "sighted": give(world, experiment, a[4], b[4], sighted=True),
    }
    run_sql(deps, "UPDATE trial SET state = 'retried' WHERE job_id = :id", id=a[5])
    team = Criterion(id="0", question="Whose?", kind="pair")  # of everybody, and older than its own
    its_finding = FindingRow(
        experiment_id=experiment, criterion_id="0", last_vote="", method="", at=now,
        data={"finding": {"verdict": {"words": "", "code": "alike", "leader": None}}},
    )  # fmt: skip
    with deps.store.begin() as session:
        session.add_all([team, its_finding])
        session.add(ExperimentRater(experiment_id=experiment, rater="dan", excluded_at=now))
    with deps.store.read() as session:
        ballots = list_for_fit(session, experiment, experiment)
        left_out = counting.count_left_out(session, experiment, experiment)
        assert criteria.first_id(session, running.get(session, experiment)) == experiment
    assert ballots == [(a[0], b[0], "left", "ben"), (b[1], a[1], "left", "ben")]
    assert left_out == dict.fromkeys(("undone", "gone", "machine", "excluded", "sighted"), 1)
    seen = view.get_experiment(deps, LOCAL_VIEWER, experiment)
    assert seen.verdict["code"] == "too_early", "the other question's finding is not its own"
    assert find(world, experiment)["votes"] == 2
    assert level_figures.good_takes(deps, seen, experiment).judged == 4
    rows = [row for some in ExperimentTables(deps, LOCAL_VIEWER, experiment).votes().batches for row in some]
    assert {row["vote"] for row in rows if row["counted"]} == {told["counts"], told["imported"]}
    assert len(rows) == 6
    report = write_report(deps, LOCAL_VIEWER, experiment).decode()
    for words in (
        "taken back by",
        "had seen which take",
        "left out by a person",
        "of models",
        "no part of it",
    ):
        assert words in report


def test_a_good_take_costs_what_all_takes_count_for_and_those_that_were_free_count_nothing(world, judged):
    experiment, (a, b) = judged
    deps, now = world.deps, world.deps.clock.now()
    give(world, experiment, a[0], b[0])
    give(world, experiment, a[1], b[1])
    seen = view.get_experiment(deps, LOCAL_VIEWER, experiment)
    each = seen.spent_micros / 12 / MICROS_PER_USD
    with deps.store.begin() as session:
        for job_id in (a[4], a[5]):  # nothing was charged for these
            ledger.release_unbilled(session, session.get(Job, job_id), at=now)
        ledger.record_bill(session, session.get(Job, b[0]), units=1, usd=3 * each, at=now)
        session.connection().execute(
            update(LedgerEntry).where(LedgerEntry.job_id == b[5]).values(source="unknown", micros=0)
        )
    good = level_figures.good_takes(deps, view.get_experiment(deps, LOCAL_VIEWER, experiment), experiment)
    assert (good.made, good.unpriced, good.usd) == (12, 1, pytest.approx(11 * each))
    shown = figures.dollars(5.5 * each)
    assert good.words == (
        "2 of 4 judged takes won more of their pairs than they lost: at least "
        f"{shown} for each good take, and 1 of 12 takes have no price."
    )
    assert good.words in write_report(deps, LOCAL_VIEWER, experiment).decode()
    run_sql(deps, "UPDATE trial SET origin = 'reused'")
    reused = level_figures.good_takes(deps, seen, experiment)
    assert (reused.usd, reused.usd_each) == (0, None)
    assert "all were there before" in reused.words


def test_without_votes_nothing_is_said_and_a_cap_is_told_as_what_stopped_it(world, judged):
    experiment, _ = judged
    assert find(world, experiment)["verdict"]["code"] == "too_early"
    with world.deps.store.begin() as session:
        running.change(session, experiment, state="paused", why="Paused by cap.")  # a person's name
    assert find(world, experiment)["verdict"]["code"] == "too_early"
    with world.deps.store.begin() as session:
        running.change(session, experiment, why=str(CapReached(5.0, 4.9, 0.7)))
    found = find(world, experiment)["verdict"]
    assert found["code"] == "stopped"
    assert found["words"] == "Stopped: cap reached, before anybody had voted."
    control.close(world.deps, LOCAL_VIEWER, experiment)
    assert find(world, experiment)["verdict"]["words"] == "Closed by studio before anybody had voted."


def test_what_is_not_there_is_refused(world, judged):
    experiment, _ = judged
    with pytest.raises(NotFound):
        find(world, "none")
    with pytest.raises(InvalidRequest, match="criterion"):
        find(world, experiment, criterion="none")
    with pytest.raises(NotFound):
        findings.current_finding(world.deps, ANA, experiment)  # who sees no takes of others


def test_clients_are_told_the_same_by_the_api(sidecar):
    """Its answer is checked against the document, field by field."""
    made = sidecar.call("root", "POST", "/api/experiments", json=plan_body(repeats=1))
    experiment = made.get_json()["id"]
    found = sidecar.get(f"/api/experiments/{experiment}/finding", who="root").get_json()
    assert (found["votes"], found["verdict"]["code"], found["next"]["what"]) == (0, "too_early", "none")
    cells = sidecar.get(f"/api/experiments/{experiment}", who="root").get_json()["cells"]
    untried = {"vs_average": 0.5, "low": 0.0, "high": 1.0}
    assert [(one["id"], one["takes"], one["win_rate"]) for one in found["cells"]] == [
        (cell["id"], 0, untried) for cell in cells
    ]
    assert sidecar.call(
        "root", "PATCH", f"/api/experiments/{experiment}", json={"axes": {"prompt": ["A third"]}}
    )
    again = sidecar.get(f"/api/experiments/{experiment}/finding", who="root").get_json()
    assert [one["label"] for one in again["cells"]][-1] == "A third"
    assert at_fault(sidecar.get(f"/api/experiments/{experiment}/finding?criterion=x", who="root")) == {
        "criterion": "is none that is asked of pairs in this experiment"
    }


def test_an_experiment_and_the_list_of_them_tell_the_verdict_of_its_votes(world, judged):
    experiment, (a, b) = judged

    def told():
        """Of one that is asked for, and of the list."""
        found = view.get_experiment(world.deps, LOCAL_VIEWER, experiment)
        listed = view.list_experiments(world.deps, LOCAL_VIEWER).items[0].verdict["code"]
        return findings.with_verdict(world.deps, LOCAL_VIEWER, found).verdict["code"], listed

    assert told() == ("too_early", "too_early")
    for number in range(60):
        give(world, experiment, a[number % 6], b[(number // 6) % 6], rater=f"r{number % 4}")
    assert told()[0] == find(world, experiment)["verdict"]["code"] == "better"
    assert told()[1] == "better", "as it was found last"
