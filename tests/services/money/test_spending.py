"""What was spent: estimated, billed, open, wasted and unpriced, told apart by one thing or by two."""

import random
from collections import Counter
from datetime import datetime, timedelta

import pytest
from sqlalchemy import text

from backend.domain.errors import InvalidRequest
from backend.domain.states import JobEvent as E
from backend.services.money import budgets, settling, spending
from backend.services.money.spend_query import Dimension, SpendQuery, parse_query
from backend.store.jobs import jobs
from backend.store.money import spend_sums
from tests import databases
from tests.viewers import LOCAL_VIEWER
from tests.world import ANA, BEN, MODEL, make_unpriced

pytestmark = databases.BOTH

LATE = text(
    "INSERT INTO line (job_id, owner, day, kind, micros, source, at)"
    " VALUES (:id, 'ana', :day, 'bill', 300000, 'billed', '2025-11-02 00:00:00+00')"
)
#: Five seconds at $0.14.
FIVE = 0.70
DAY = "2026-11-21"
#: Spans at both ends of what a calendar has.
BEYOND = [("0001-01-01", "9999-12-31"), ("9999-12-31", "9999-12-31"), ("0001-01-01", "0001-01-01")]


def bill(sidecar, job, units, *events):
    """What the provider counted for a take that went this way."""
    sidecar.advance(job, E.SUBMIT_BEGUN, E.ACCEPTED, *events)
    with sidecar.deps.store.begin() as session:
        row = jobs.get(session, job.id)
        news = settling.settle_bill(session, row, units, at=sidecar.clock.now())
        jobs.update_if_unchanged(session, row, **news)


def spent(sidecar, viewer=LOCAL_VIEWER, **asked):
    return spending.spend_report(sidecar.deps, viewer, SpendQuery(**asked))


def add_up(sidecar, most=10_000):
    with sidecar.deps.store.begin() as session:
        return spend_sums.roll_up(session, at=sidecar.clock.now(), limit=most, at_least=1)


@pytest.mark.parametrize("added", [False, True], ids=["from the lines", "from the sums"])
def test_a_take_is_open_until_it_is_billed_and_what_failed_and_cost_is_wasted(sidecar, added):
    takes = [sidecar.ask(f"Take {number}") for number in range(4)]
    make_unpriced(sidecar.deps, sidecar.ask())
    bill(sidecar, takes[0], 10, E.FINISHED)
    bill(sidecar, takes[1], 5, E.ERRORED)
    bill(sidecar, takes[2], 0, E.ERRORED)
    assert add_up(sidecar) if added else True

    told = spent(sidecar).total.as_json()

    assert told == {
        "takes": 5, "estimated_usd": 2.8, "billed_usd": 2.1, "open_usd": FIVE, "wasted_usd": 0.7,
        "unpriced": 1,
    }  # fmt: skip


def test_what_nobody_knows_is_no_amount(sidecar):
    make_unpriced(sidecar.deps, sidecar.ask())
    (group,) = spent(sidecar, by=Dimension.MODEL).groups
    told = group.as_json()
    assert (told["model"], told["takes"], told["unpriced"]) == (MODEL, 1, 1)
    assert told["estimated_usd"] is None
    assert told["billed_usd"] is None


def test_groups_are_told_apart_by_two_and_days_come_in_order(sidecar):
    for viewer, seconds in ((ANA, "5"), (BEN, "5"), (BEN, "10")):
        sidecar.ask(viewer=viewer, params={"duration": seconds})
    sidecar.clock.pass_s(86_400)
    sidecar.ask(viewer=ANA)
    crossed = spent(sidecar, by=Dimension.DAY, crossed=Dimension.PERSON).groups

    said = [(*group.names.values(), group.spent.takes, group.spent.estimated_usd) for group in crossed]
    first, second = sorted({day for day, *_ in said})
    assert said == [(first, "ben", 2, 2.1), (first, "ana", 1, 0.7), (second, "ana", 1, 0.7)]
    for by, names in (
        (Dimension.MONTH, {first[:7]}), (Dimension.PERSON, {"ana", "ben"}), (Dimension.MODEL, {MODEL}),
        (Dimension.PROJECT, {"none"}), (Dimension.EXPERIMENT, {"none"}),
    ):  # fmt: skip
        groups = spent(sidecar, by=by).groups
        assert {group.names[by] for group in groups} == names
        assert sum(group.spent.takes for group in groups) == 4
    assert spent(sidecar, since=second).total.takes == 1
    assert spent(sidecar, until=first).total.takes == 3
    only = {Dimension.PERSON: "ben", Dimension.MONTH: first[:7], Dimension.MODEL: MODEL}
    assert spent(sidecar, fitting=only).total.takes == 2
    assert spent(sidecar, fitting={Dimension.TEMPLATE: "nothing"}).total.takes == 0


def test_who_sees_their_own_takes_alone_sees_their_own_spending_alone(sidecar):
    sidecar.ask(viewer=BEN)
    assert spent(sidecar, ANA).total.takes == 0
    assert spent(sidecar, ANA, fitting={Dimension.PERSON: "ben"}).total.takes == 0
    assert spent(sidecar, BEN, by=Dimension.PERSON).total.takes == 1


def test_sums_are_the_same_however_many_lines_are_added_up_already(sidecar):
    """Takes that are billed, given back, and count again, in any order, while lines are being added up."""
    rng, takes = random.Random(7), []
    for number in range(12):
        takes.append(sidecar.ask(f"Take {number}", viewer=rng.choice((ANA, BEN))))
        if number % 3:
            bill(sidecar, takes[-1], rng.choice((0, 3, 5, 8)), E.ERRORED)
        if number % 2:
            add_up(sidecar, most=rng.randrange(1, 6))
    for job in takes[::4]:
        with sidecar.deps.store.begin() as session:
            row = jobs.get(session, job.id)
            budgets.restore_reservation(session, row, at=sidecar.clock.now())
            settling.settle_bill(session, row, 2, at=sidecar.clock.now())
    before = [spent(sidecar, by=one).groups for one in Dimension]
    assert add_up(sidecar) > 0
    assert [spent(sidecar, by=one).groups for one in Dimension] == before
    by_person = spent(sidecar, by=Dimension.PERSON).groups
    assert Counter({group.names[Dimension.PERSON]: group.spent.takes for group in by_person}) == Counter(
        job.owner for job in takes
    )


@pytest.mark.databases("postgres")  # a file has one writer at a time
def test_a_line_that_is_committed_late_is_not_forgotten(sidecar):
    """On a server a line may have a smaller id than one that was committed before it."""
    first = sidecar.ask()
    line = {"id": first.id, "day": f"{sidecar.clock.now():%Y-%m-%d}"}
    with sidecar.deps.store.begin() as late:
        late.connection().execute(LATE, line)
        sidecar.ask()  # a later id, committed first
        assert add_up(sidecar) == 0  # it waits rather than count beyond the one that is on its way
    before = spent(sidecar).total
    assert add_up(sidecar) == 3
    assert spent(sidecar).total == before
    assert before.billed_micros == 1_000_000


@pytest.mark.databases("postgres")  # a file has one writer at a time
def test_control_without_the_wait_a_late_line_is_lost(sidecar, monkeypatch):
    monkeypatch.setattr(spend_sums, "are_lines_written", lambda session: True)
    with pytest.raises(AssertionError):
        test_a_line_that_is_committed_late_is_not_forgotten(sidecar)


@pytest.mark.parametrize("added", [0, 9, 100])
def test_whole_months_and_the_days_around_them_come_to_what_all_days_do(sidecar, added):
    """A year reads sums of months; a day more or less at either end must not be lost or doubled."""
    start = datetime.fromisoformat(f"{sidecar.clock.now():%Y-%m-%d}")
    for number in range(14):
        bill(sidecar, sidecar.ask(), 1 + number % 3, E.FINISHED)
        sidecar.clock.pass_s(86_400 * (3 + number))
    add_up(sidecar, most=added) if added else None
    days = [f"{start + timedelta(days=day):%Y-%m-%d}" for day in range(0, 140, 3)]
    ends = [(a, b) for a in (None, *days) for b in (None, *days) if a is None or b is None or a <= b]
    for since, until in [*random.Random(added).sample(ends, 16), *BEYOND]:  # others for each
        within = {"since": since, "until": until}
        by_day, by_model = (spent(sidecar, by=by, **within).total for by in (Dimension.DAY, Dimension.MODEL))
        assert by_day == by_model == spent(sidecar, by=Dimension.MONTH, **within).total, within


def test_bills_are_compared_with_estimates_where_both_are_known(sidecar):
    billed, _ = sidecar.ask("One"), sidecar.ask("Two, without a bill")
    bill(sidecar, billed, 10, E.FINISHED)
    (group,) = spent(sidecar, by=Dimension.MODEL).groups
    assert (group.spent.compared, group.spent.drift) == (1, 2.0)


@pytest.mark.parametrize(
    ("asked", "faults"),
    [
        ({"by": "colour"}, {"by"}),
        ({"by": "model", "and": "model"}, {"and"}),
        (
            {"and": "colour", "since": "yesterday", "until": "2026-13-01", "sort": "up"},
            {"and", "since", "until", "sort"},
        ),
        ({"since": "2026-11-02", "until": "2026-11-01"}, {"until"}),
        ({"since": "2026-11-02T10:00:00"}, {"since"}),
    ],
)
def test_every_parameter_at_fault_is_named(clock, asked, faults):
    with pytest.raises(InvalidRequest) as refused:
        parse_query(asked, zone=clock.now().tzinfo)
    assert set(refused.value.fields) == faults


@pytest.mark.parametrize(
    ("asked", "since", "until"),
    [
        ({}, None, None),
        ({"since": "2026-11-01", "until": ""}, "2026-11-01", None),
        ({"since": "2026-11-01T23:30:00-02:00", "until": "2026-12-01T00:00:00Z"}, "2026-11-02", "2026-11-30"),
        ({"until": "2026-12-01T00:00:01 00:00"}, None, "2026-12-01"),
    ],
)
def test_moments_stand_for_their_days(clock, asked, since, until):
    query = parse_query(asked, zone=clock.now().tzinfo)
    assert (query.since, query.until) == (since, until)
