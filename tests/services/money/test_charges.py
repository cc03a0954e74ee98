"""What became of a charge: one truth on card, page, ledger, error and API, whatever happens to a take."""

from itertools import product
from typing import Any

import pytest
from sqlalchemy import update
from sqlmodel import col

from backend.domain.errors import NotAllowed, StateConflict
from backend.domain.output_files import OutputFile
from backend.domain.states import JobEvent as E
from backend.models import Job
from backend.providers.base import Errored, Finished
from backend.services.gallery import takes as gallery
from backend.services.lifecycle import apply_result
from backend.services.money import budgets, charges, settling
from backend.services.money.charges import ChargeState, charge_of, told_trouble
from backend.services.operations import verify_money
from backend.store.jobs import jobs
from backend.store.money import ledger
from backend.web.api.take_json import take_json
from pages.ui import money
from tests import databases
from tests.services.receiving import LINK
from tests.world import ADMIN, ANA, BEN, World

pytestmark = databases.BOTH

SENT = (E.SUBMIT_BEGUN, E.ACCEPTED)
#: What may happen to a take of $0.70 in order: a name -> what is done.
TROUBLES = ("no", "yes", "maybe", None)
STATES = ("created", "submitting", "queued", "held", "failed", "cancelled", "rendered", "stored")
BILLS = ("none", "zero", "five", "absurd", "no price", "written off", "as told", "as estimated")
ENDS: dict[str, tuple[E, ...]] = {
    "created": (),
    "submitting": (E.SUBMIT_BEGUN,),
    "queued": SENT,
    "held": (E.SUBMIT_BEGUN, E.UNANSWERED),
    "failed": (*SENT, E.ERRORED),
    "cancelled": (*SENT, E.CANCELLED),
    "rendered": (*SENT, E.FINISHED),
    "stored": (*SENT, E.FINISHED, E.SAVED),
}


@pytest.fixture
def world(still: World, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr("pages.ui.context.deps", lambda: still.deps)
    return still


def brought_to(world: World, state: str, charged: str | None) -> Job:
    job = world.ask(params={"duration": "5"})
    events = ENDS[state]
    if events:
        world.advance(job, *events[:-1]) if len(events) > 1 else None
        error = {"code": "x", "message": "It went wrong.", "charged": charged} if charged else None
        world.advance(job, events[-1], error=error)
    return world.job(job)


def change(world: World, job: Job, **values: Any) -> None:
    with world.deps.store.begin() as session:
        session.connection().execute(update(Job).where(col(Job.id) == job.id).values(**values))


def settle(world: World, job: Job, units: float) -> Job:
    with world.deps.store.begin() as session:
        fresh = jobs.get(session, job.id)
        news = settling.settle_bill(session, fresh, units, at=world.deps.clock.now())
        return jobs.update_if_unchanged(session, fresh, **news)


def billed(world: World, job: Job, bill: str) -> Job:
    match bill:
        case "zero":
            return settle(world, job, 0.0)
        case "five":
            return settle(world, job, 5.0)
        case "absurd":
            return settle(world, job, 1e9)
        case "as told" | "as estimated":
            settle(world, job, 1e9)
            return settling.confirm_bill(world.deps, ADMIN, job.id, as_told=bill == "as told")
        case "written off":
            return settling.write_off(world.deps, ADMIN, job.id)
        case "no price":
            priceless = {name: value for name, value in (job.price or {}).items() if "unit" not in name}
            change(world, job, price=priceless)
            return settle(world, world.job(job), 5.0)
    return job


def told(world: World, job: Job) -> dict[str, Any]:
    """Everything that anybody is told of a take's money, from every place that tells it."""
    with world.deps.store.read() as session:
        counted = ledger.counted_micros(session, job.id)
    api = take_json(world.deps, ANA, gallery.get_take(world.deps, ANA, job.id))
    return {
        "charge": charge_of(job),
        "counted": counted,
        "cost": api["cost"],
        "error": api["error"] or api["trouble"],
        "card": money.cost_words(job),
        "trouble": told_trouble(job, charge_of(job)),
    }


def contradictions(seen: dict[str, Any]) -> list[str]:
    """What no two places may say of one take."""
    charge, counted, cost = seen["charge"], seen["counted"], seen["cost"]
    error, card, found = seen["error"] or {}, seen["card"], []
    free = charge.state in (ChargeState.NOT_CHARGED, ChargeState.WRITTEN_OFF)
    if free != (counted == 0):
        found.append(f"{charge.state}, and the ledger counts {counted}")
    if charge.state == ChargeState.BILLED and counted != round(charge.usd * 1e6):
        found.append(f"billed {charge.usd}, and the ledger counts {counted}")
    if cost["state"] != charge.state or cost["words"] != charge.words:
        found.append("the API tells another state")
    if (cost["billed_usd"] is not None) != (charge.state in (ChargeState.BILLED, ChargeState.NOT_CHARGED)):
        found.append(f"{charge.state}, and the API says {cost['billed_usd']}")
    if error.get("charged") == "maybe" and (cost["billed_usd"] is not None or "$0.00" in card):
        found.append(f"may have been charged, beside {card} and {cost['billed_usd']}")
    if error.get("charged") == "no" and counted and cost["billed_usd"]:
        found.append("nothing was charged, and it is billed")
    if error.get("charged") == "yes" and free:
        found.append("it was charged, and counts for nothing")
    if "may" in card and charge.state != ChargeState.MAY_BE_CHARGED:
        found.append(f"{charge.state}, and the card says {card}")
    if "$0.00" in card or (charge.state == ChargeState.NOT_CHARGED) != (card == "not charged"):
        found.append(f"{charge.state}, and the card says {card}")
    return found


@pytest.mark.databases("sqlite")
def test_no_two_places_contradict_each_other_whatever_state_error_and_bill_a_take_has(world):
    """The sentence "may have been charged" once stood beside $0.00."""
    walked, found = 0, []
    for state, charged, bill in product(STATES, TROUBLES, BILLS):
        job = brought_to(world, state, charged)
        try:
            job = billed(world, job, bill)
        except StateConflict:
            continue  # there is nothing to write off
        seen, walked = told(world, job), walked + 1
        found += [f"{state}, charged {charged}, bill {bill}: {what}" for what in contradictions(seen)]
    assert found == []
    assert walked > 200
    assert verify_money.verify_money(world.deps, on_progress=lambda line: None).differences == []


def test_the_walk_catches_what_was_once_said(world):
    """Its control: the error as it stands on the row, beside a bill of nothing."""
    job = billed(world, brought_to(world, "failed", "maybe"), "zero")
    seen = told(world, job)
    assert contradictions(seen) == []
    seen["error"] = {"charged": "maybe"}
    assert contradictions(seen) == ["may have been charged, beside not charged and 0.0"]


def test_a_bill_of_a_thousand_million_units_counts_at_the_ceiling_until_an_admin_decides(world):
    job = billed(world, brought_to(world, "stored", None), "absurd")
    seen = told(world, job)
    assert (job.billed_units, job.billed_usd, seen["counted"]) == (1e9, None, 700_000)
    assert seen["card"] == "≈ $0.70 · suspicious bill"
    assert "$140,000,000.00" in seen["cost"]["words"]
    with pytest.raises(NotAllowed):
        settling.confirm_bill(world.deps, ANA, job.id, as_told=True)
    right = settling.confirm_bill(world.deps, ADMIN, job.id, as_told=False)
    decided = charges.Decision.of(right.charge)
    assert (decided.by, decided.odd_units, told(world, right)["counted"]) == ("root", 1e9, 700_000)
    with pytest.raises(StateConflict):
        settling.confirm_bill(world.deps, ADMIN, job.id, as_told=True)


@pytest.mark.parametrize(("units", "usd"), [(5.0, 0.70), (15.0, 2.10), (175.0, 24.50)])
def test_a_bill_beyond_the_estimate_is_believed_within_what_lists_were_ever_wrong_by(world, units, usd):
    job = settle(world, brought_to(world, "stored", None), units)
    assert job.billed_usd == pytest.approx(usd)


def test_units_of_an_unknown_price_settle_at_the_estimate_marked_as_such(world):
    job = billed(world, brought_to(world, "stored", None), "no price")
    charge = charge_of(job)
    assert (charge.state, charge.source, charge.usd) == (ChargeState.ESTIMATED, "estimate", 0.70)
    with world.deps.store.read() as session:
        assert [line.source for line in ledger.of_job(session, job.id)] == ["estimate", "estimate"]


def test_an_admin_writes_an_open_charge_off_and_a_bill_that_comes_all_the_same_counts(world):
    job = brought_to(world, "held", "maybe")
    with pytest.raises(NotAllowed):
        settling.write_off(world.deps, BEN, job.id)
    off = settling.write_off(world.deps, ADMIN, job.id)
    assert budgets.spending_summary(world.deps).today_usd == 0
    assert charge_of(off).words == f"It may have been charged; root wrote it off on {off.state_at:%d %b %Y}."
    with pytest.raises(StateConflict):
        settling.write_off(world.deps, ADMIN, job.id)
    with world.deps.store.begin() as session:
        late = Finished([OutputFile("video", LINK)])
        fresh = jobs.get(session, job.id)
        apply_result.apply_outcome(session, fresh, late, at=world.deps.clock.now(), by="test")
    assert told(world, world.job(job))["counted"] == 700_000
    assert charge_of(world.job(job)).state == ChargeState.RESERVED
    assert contradictions(told(world, settle(world, world.job(job), 5.0))) == []


def test_a_failure_that_may_cost_says_until_when_it_is_asked_about(world, clock):
    job = world.ask()
    world.advance(job, *SENT, request_id="req-1")
    with world.deps.store.begin() as session:
        refusal = Errored("content_policy_violation", "No.")
        fresh = jobs.get(session, job.id)
        apply_result.apply_outcome(session, fresh, refusal, at=clock.now(), by="test")
    asked = charge_of(world.job(job))
    assert (asked.state, asked.asked_until is not None) == (ChargeState.MAY_BE_CHARGED, True)
    assert "asked again until" in asked.words
    change(world, job, due_at=None)
    assert "an admin can write it off" in charge_of(world.job(job)).words
    assert charge_of(world.job(job), reads_events=True).asked_until == job.created_at + charges.EVENTS_FOR
