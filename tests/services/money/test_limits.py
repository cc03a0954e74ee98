"""Limits hold: what is reserved is the most that a take can cost, and an unknown price counts as well."""

from contextlib import suppress
from dataclasses import asdict, replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest

from backend.bootstrap import build_deps
from backend.catalogue.models import load_seed
from backend.catalogue.pricing.bill import Price
from backend.catalogue.pricing.quote import Quote
from backend.domain.errors import BudgetExceeded, InvalidRequest, NotAllowed, NotFound
from backend.domain.kinds import BudgetPeriod, BudgetScope
from backend.domain.states import JobEvent as E
from backend.models import Job
from backend.services.catalogue import live_catalogue
from backend.services.deps import Deps
from backend.services.money import budgets, limits_admin, settling
from backend.services.money.quotes import quote_take
from backend.store.jobs import jobs
from backend.store.money import ledger, ledger_sums
from backend.store.records import catalogue
from tests import databases
from tests.services.client import BODY
from tests.world import ADMIN, ANA, BEN, MODEL, World, at_once

pytestmark = databases.BOTH

#: Models of which nobody wrote a rule; what a unit of the second costs is known from the list.
UNPRICED, LEARNT = "new/unpriced", "new/learnt"
DAY, MONTH = BudgetPeriod.DAY, BudgetPeriod.MONTH
ALL, PERSON, OF_MODEL, *_ = BudgetScope


@pytest.fixture
def world(sidecar) -> World:
    """An installation without a worker, which also offers models without a rule."""
    offer(sidecar.deps, unit_usd=0.01)
    return World(sidecar.deps, sim=None)


@cache
def offered(unit_usd: float) -> list[tuple[str, dict[str, Any]]]:
    """The models on offer, as the catalogue keeps them."""
    seed = {model.id: model for model in load_seed()}
    learnt = replace(seed[MODEL], id=LEARNT, price=Price("unit", unit_usd))
    models = [*seed.values(), replace(seed[MODEL], id=UNPRICED, price=None), learnt]
    return [(model.id, asdict(model)) for model in models]


def offer(deps: Deps, *, unit_usd: float) -> None:
    models = offered(unit_usd)
    with deps.store.begin() as session:
        now = deps.clock.now()
        catalogue.replace_all(session, models, at=now)
        newest = live_catalogue.NewestCatalogue(now, deps.clock.new_id(), len(models))
        live_catalogue.NEWEST.put(session, newest)


def billed(world: World, *units: float, seconds: int = 5, **asked: Any) -> list[Job]:
    """Takes of the model that is learnt, finished, each billed for so many units."""
    made = []
    for number in units:
        job = world.ask(model=LEARNT, params={"duration": str(seconds), **asked})
        world.advance(job, E.SUBMIT_BEGUN, E.ACCEPTED, E.FINISHED, request_id=job.id)
        settle(world, job, number)
        made.append(world.advance(job, E.SAVED))
    return made


def today(world: World) -> float:
    return budgets.spending_summary(world.deps).today_usd


def micros_of(world: World) -> int:
    with world.deps.store.read() as session:
        return ledger_sums.spent_micros(session, first_day="2026-11-01", last_day="2026-11-01")


def lines(world: World, job: Job) -> list[tuple[str, int, str, str]]:
    with world.deps.store.read() as session:
        return [(line.kind, line.micros, line.source, line.day) for line in ledger.of_job(session, job.id)]


def settle(world: World, job: Job, units: float, **changes: Any) -> None:
    fresh = world.job(job)
    for name, value in changes.items():
        setattr(fresh, name, value)
    with world.deps.store.begin() as session:
        news = settling.settle_bill(session, fresh, units, at=world.deps.clock.now())
        jobs.update_if_unchanged(session, fresh, **news)


def anew(world: World) -> World:
    """As another process has it."""
    return World(build_deps(world.deps.settings, clock=world.deps.clock), sim=None)


# -- what is reserved ---------------------------------------------------------------------------


def test_a_take_without_a_price_counts_for_five_dollars_while_a_hard_limit_is_set(world):
    capped = world.with_settings(budget_day_usd=9.0)
    job = capped.ask(model=UNPRICED)
    assert lines(world, job) == [("estimate", 5_000_000, "unknown", "2026-11-01")]
    assert job.estimate_usd is None, "and its price is still nobody's guess"

    with pytest.raises(BudgetExceeded) as refused:
        capped.ask(model=UNPRICED)
    assert (refused.value.left_usd, refused.value.counts_usd) == (4.0, 5.0)
    assert str(refused.value).startswith(
        "Today's budget has $4.00 left. Price unavailable; this take counts for $5.00 until its "
        "bill comes. Nothing was sent;"
    )
    capped.ask()
    assert today(world) == pytest.approx(5.70)


@pytest.mark.parametrize("given", [{}, {"budget_warn_day_usd": 1.0}])
def test_without_a_hard_limit_it_counts_for_nothing(world, given):
    job = world.with_settings(**given).ask(model=UNPRICED)
    assert [line[:3] for line in lines(world, job)] == [("estimate", 0, "unknown")]


def test_a_limit_of_another_person_or_model_is_none_of_its_business(world):
    limits_admin.set_limit(world.deps, ADMIN, scope=PERSON, name="ben", period=DAY, usd=1)
    limits_admin.set_limit(world.deps, ADMIN, scope=OF_MODEL, name=MODEL, period=DAY, usd=1)
    assert [line[1] for line in lines(world, world.ask(model=UNPRICED, viewer=ANA))] == [0]
    with pytest.raises(BudgetExceeded):
        world.ask(model=UNPRICED, viewer=BEN)


def test_when_its_bill_comes_the_difference_is_given_back_or_taken(world):
    capped = world.with_settings(budget_day_usd=20.0)
    cheap, dear = capped.ask(model=UNPRICED), capped.ask(model=UNPRICED)
    settle(world, cheap, 4, price={"unit": "units", "unit_usd": 0.2})
    settle(world, dear, 40, price={"unit": "units", "unit_usd": 0.2})
    assert [line[1] for line in lines(world, cheap)] == [5_000_000, 800_000 - 5_000_000]
    assert [line[1] for line in lines(world, dear)] == [5_000_000, 8_000_000 - 5_000_000]
    assert today(world) == pytest.approx(8.80)


def test_what_is_given_up_gives_back_what_it_reserved_and_takes_it_again_when_it_counts_again(world):
    capped = world.with_settings(budget_day_usd=20.0, budget_unknown_usd=3.0)
    job = capped.ask(model=UNPRICED)
    with world.deps.store.begin() as session:
        ledger.release_unbilled(session, job, at=world.deps.clock.now())
    assert today(world) == 0
    with world.deps.store.begin() as session:
        budgets.restore_reservation(session, job, at=world.deps.clock.now())
    assert [line[:3] for line in lines(world, job)] == [
        ("estimate", 3_000_000, "unknown"),
        ("release", -3_000_000, "unbilled"),
        ("restore", 3_000_000, "unknown"),
    ]


def ceiling_job(world: World, at_most: float | None, estimate: float | None) -> Job:
    job = world.ask()
    price = {"unit": "second", "unit_usd": 0.14, "at_most_usd": at_most}
    return job.model_copy(update={"estimate_usd": estimate, "price": price})


@pytest.mark.parametrize(
    ("at_most", "estimate", "counts"),
    [(3.66, 1.22, 3.66), (None, 0.70, 0.70), (0.50, 0.70, 0.70), (None, None, None), (0.0, 0.0, 0.0)],
)
def test_a_take_counts_for_the_most_that_it_can_cost(world, at_most, estimate, counts):
    assert budgets.ceiling(ceiling_job(world, at_most, estimate)) == counts


# -- at the same moment -------------------------------------------------------------------------


def test_a_hundred_starts_at_once_never_pass_a_limit_and_nothing_is_refused_that_fits(world):
    """Of $10: known prices up to $1.40, learnt ones of at most $0.95, unknown ones that count for $2."""
    billed(world, 80, 95, 85)
    before = micros_of(world)
    capped = anew(world).with_settings(budget_day_usd=10.0 + before / 1e6, budget_unknown_usd=2.0)
    wanted = [
        (UNPRICED, 5, 2_000_000) if number % 5 == 0
        else (LEARNT, 5, 950_000) if number % 5 == 1
        else (MODEL, 3 + number % 8, (3 + number % 8) * 140_000)
        for number in range(100)
    ]  # fmt: skip

    def start(number: int) -> tuple[int, bool]:
        model, seconds, micros = wanted[number]
        with suppress(BudgetExceeded):
            capped.ask(f"Take {number}", model=model, params={"duration": str(seconds)})
            return micros, True
        return micros, False

    asked = at_once(100, start)

    taken = sum(micros for micros, fitted in asked if fitted)
    assert micros_of(world) == before + taken
    assert taken <= 10_000_000
    refused = [micros for micros, fitted in asked if not fitted]
    assert min(refused) > 10_000_000 - taken, "what was refused would not fit even now"


# -- limits that admins set ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scope", "name", "title"),
    [
        (ALL, "", "Today's budget has $0.30"),
        (PERSON, "ana", "Your budget for today has $0.30"),
        (PERSON, "", "Your budget for today has $0.30"),
        (OF_MODEL, MODEL, f"Today's budget for {MODEL} has $0.30"),
        (OF_MODEL, "", f"Today's budget for {MODEL} has $0.30"),
    ],
)
def test_a_limit_that_an_admin_sets_holds_at_once_in_every_process(world, scope, name, title):
    limits_admin.set_limit(world.deps, ADMIN, scope=scope, name=name, period=DAY, usd=1)
    elsewhere = anew(world)
    elsewhere.ask()
    with pytest.raises(BudgetExceeded) as refused:
        world.ask()
    assert str(refused.value).startswith(title)
    (status,) = limits_admin.list_limits(world.deps, ADMIN)
    assert (status.rule.source, status.rule.set_by) == (refused.value.limit, "root")
    limits_admin.end_limit(world.deps, ADMIN, refused.value.limit)
    assert elsewhere.ask().state == "created"
    (ended,) = limits_admin.list_ended(world.deps, ADMIN)
    assert (ended.set_by, ended.ended_by) == ("root", "root")


def test_another_amount_takes_the_place_of_the_first_and_settings_go_on_beside_it(world):
    strict = world.with_settings(budget_month_usd=1.0)
    for usd in (5, 8):
        limits_admin.set_limit(strict.deps, ADMIN, scope=ALL, period=DAY, usd=usd)
    limits_admin.set_limit(strict.deps, ADMIN, scope=ALL, period=DAY, usd=2, hard=False)
    found = [
        (status.rule.limit_usd, status.rule.hard) for status in limits_admin.list_limits(strict.deps, ADMIN)
    ]
    assert found == [(1.0, True), (8.0, True), (2.0, False)]
    assert [row.micros for row in limits_admin.list_ended(strict.deps, ADMIN)] == [5_000_000]
    strict.ask()
    with pytest.raises(BudgetExceeded, match="This month's budget"):
        strict.ask()


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"scope": ALL, "usd": -1}, "usd"),
        ({"scope": ALL, "usd": float("nan")}, "usd"),
        ({"scope": ALL, "usd": 1e12}, "usd"),
        ({"scope": ALL, "usd": 1, "name": "ana"}, "name"),
        ({"scope": OF_MODEL, "usd": 1, "name": "no/such-model"}, "name"),
    ],
)
def test_a_limit_that_makes_no_sense_is_refused_by_the_name_of_its_field(world, given, field):
    with pytest.raises(InvalidRequest) as refused:
        limits_admin.set_limit(world.deps, ADMIN, period=DAY, **given)
    assert set(refused.value.fields) == {field}
    assert limits_admin.list_limits(world.deps, ADMIN) == []


def test_only_an_admin_sets_and_ends_limits(world):
    limits_admin.set_limit(world.deps, ADMIN, scope=ALL, period=DAY, usd=1)
    (status,) = limits_admin.list_limits(world.deps, ADMIN)
    with pytest.raises(NotAllowed):
        limits_admin.set_limit(world.deps, ANA, scope=ALL, period=DAY, usd=100)
    with pytest.raises(NotAllowed):
        limits_admin.end_limit(world.deps, ANA, status.rule.source)
    with pytest.raises(NotFound):
        limits_admin.end_limit(world.deps, ADMIN, "no-such-limit")
    assert limits_admin.list_limits(world.deps, ADMIN) == [status]


@pytest.mark.parametrize(("seconds", "near"), [(7, False), (8, True), (10, True)])
def test_who_is_near_a_limit_is_told_before_sending(world, seconds, near):
    limits_admin.set_limit(world.deps, ADMIN, scope=OF_MODEL, name=MODEL, period=MONTH, usd=1.40)
    world.ask(params={"duration": str(seconds)})
    assert bool(budgets.spending_summary(world.deps, ["ana"], model=MODEL).near) == near
    assert budgets.spending_summary(world.deps, ["ana"], model=UNPRICED).near == []


# -- what bills teach ---------------------------------------------------------------------------


def quoted(world: World, *, seconds: int = 5, model: str = LEARNT, **asked: Any) -> Quote:
    found = world.deps.catalogue.get(model)
    return quote_take(world.deps, found, {"duration": str(seconds), **asked})


def test_after_three_bills_with_the_same_settings_the_price_is_what_they_cost(world):
    billed(world, 80, 95)
    assert quoted(anew(world)).source == "unknown"
    billed(world, 85)
    quote = quoted(anew(world))
    assert (quote.usd, quote.at_most_usd, quote.source) == (0.85, 0.95, "bills")
    assert quote.basis == "from 3 bills of takes with these settings: $0.80 to $0.95"
    assert quote.as_of == "2026-11-01"
    assert quoted(anew(world), seconds=10).source == "unknown", "other settings may cost something else"
    job = anew(world).with_settings(budget_day_usd=50.0).ask(model=LEARNT, params={"duration": "5"})
    assert (job.estimate_usd, job.price["source"]) == (0.85, "bills")
    assert [line[:3] for line in lines(world, job)] == [("estimate", 950_000, "estimate")]


def test_what_is_learnt_follows_the_price_of_a_unit_after_a_refresh_at_once(world):
    billed(world, 80, 80, 80)
    process = anew(world)
    assert quoted(process).usd == 0.80
    offer(world.deps, unit_usd=0.03)
    assert quoted(process).usd == 2.40


def test_what_billing_events_corrected_is_learnt_as_it_was_paid_discounts_included(world, clock, monkeypatch):
    at_s = [5.0]
    monkeypatch.setattr(clock, "monotonic", lambda: at_s[0])
    found = billed(world, 80, 80, 80)
    at_s[0] += 1.0
    assert quoted(world).usd == 0.80
    for job in found:
        with world.deps.store.begin() as session:
            row = jobs.get(session, job.id)
            news = settling.settle_by_events(session, row, units=80, usd=0.72, at=clock.now())
            jobs.update_if_unchanged(session, row, **news)
    at_s[0] += 1.0
    assert quoted(world).usd == 0.72
    offer(world.deps, unit_usd=0.02)
    assert quoted(world).usd == 1.44


def test_a_bill_of_another_process_is_learnt_from_within_a_second_and_asked_for_no_more_often(
    world, clock, monkeypatch
):
    at_s, reads = [5.0], []
    monkeypatch.setattr(clock, "monotonic", lambda: at_s[0])
    model, query = world.deps.catalogue.get(LEARNT), world.deps.store.query
    billed(world, 80, 80)
    at_s[0] += 1.0
    monkeypatch.setattr(world.deps.store, "query", lambda *asked: reads.append(asked[1]) or query(*asked))
    for _ in range(100):
        assert quote_take(world.deps, model, {"duration": "5"}).usd is None
    assert reads.count({"model": LEARNT}) <= 2, "one look whether there are others, and one to read them"
    monkeypatch.setattr(world.deps.store, "query", query)
    billed(anew(world), 80)
    at_s[0] += 1.0
    assert quote_take(world.deps, model, {"duration": "5"}).usd == 0.80


# -- the team's days ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "first", "then", "fits"),
    [
        ("UTC", "2026-11-30T23:30", "2026-12-01T00:30", True),
        ("Europe/Berlin", "2026-11-30T23:30", "2026-12-01T00:30", False),
        ("Europe/Berlin", "2026-11-30T22:30", "2026-11-30T23:30", True),
        ("America/New_York", "2026-12-01T00:30", "2026-12-01T04:59", False),
        ("America/New_York", "2026-12-01T04:59", "2026-12-01T05:00", True),
        # 25 hours: what was asked for in the first is of the same day as what is asked for in the last
        ("Europe/Berlin", "2026-10-24T22:10", "2026-10-25T22:50", False),
        ("Europe/Berlin", "2026-10-24T22:10", "2026-10-25T23:00", True),
        # 23 hours
        ("Europe/Berlin", "2026-03-28T23:10", "2026-03-29T21:59", False),
        ("Europe/Berlin", "2026-03-28T23:10", "2026-03-29T22:00", True),
    ],
)
def test_days_of_limits_and_of_the_ledger_are_those_of_the_teams_zone(world, clock, zone, first, then, fits):
    there = world.with_settings(time_zone=zone, budget_day_usd=1.0)
    clock.at = datetime.fromisoformat(first).replace(tzinfo=UTC)
    job = there.ask()
    assert lines(world, job)[0][3] == clock.at.astimezone(there.deps.settings.zone).date().isoformat()
    clock.at = datetime.fromisoformat(then).replace(tzinfo=UTC)
    if fits:
        there.ask()
    else:
        with pytest.raises(BudgetExceeded, match=rf"renews on .*\({zone}\)"):
            there.ask()


def test_a_bill_stays_on_the_day_of_its_take_when_the_zone_is_changed(world, clock):
    clock.at = datetime(2026, 11, 1, 23, 30, tzinfo=UTC)
    job = world.with_settings(time_zone="Asia/Tokyo").ask()
    settle(world, job, 4)
    assert {line[3] for line in lines(world, job)} == {"2026-11-02"}


def test_the_api_says_what_the_take_counts_for_and_when_the_limit_renews(sidecar, world):
    limits_admin.set_limit(world.deps, ADMIN, scope=ALL, period=MONTH, usd=4)
    answer = sidecar.start({**BODY, "model": UNPRICED})
    told = answer.get_json()["error"]
    assert (answer.status_code, told["left_usd"], told["counts_usd"]) == (402, 4.0, 5.0)
    assert told["renews_at"] == "2026-12-01T00:00:00+00:00"
