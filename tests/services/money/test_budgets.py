"""Budgets: a day's and a month's, everybody's and each person's; what counts, whatever happens to a take."""

from contextlib import nullcontext, suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from backend.bootstrap import open_deps
from backend.domain.errors import BudgetExceeded, NotFound, StaleState
from backend.domain.output_files import OutputFile
from backend.domain.states import JobEvent as E
from backend.models import History, Job, LedgerEntry
from backend.providers.base import Errored, Finished
from backend.services.access import Role, Viewer
from backend.services.gallery import takes
from backend.services.lifecycle import apply_result
from backend.services.money import budgets, settling
from backend.services.takes import cancel
from backend.store.jobs import jobs
from backend.store.money import ledger, ledger_sums
from tests import databases
from tests.e2e.launcher import FORKS, calling
from tests.services.client import BODY
from tests.services.receiving import LINK
from tests.waiting import PATIENCE_S
from tests.world import ANA, BEN, World, at_once

pytestmark = databases.BOTH

#: What a second of `MODEL` costs, in millionths of a dollar.
SECOND = 140_000
DAY_S = 86_400.0
SENT, REFUSED = (E.SUBMIT_BEGUN, E.ACCEPTED), (E.SUBMIT_BEGUN, E.REFUSED)
FINISHED, BROKE = (
    Finished([OutputFile("video", LINK)]),
    Errored("internal_server_error", "It broke.", billable_units=0.0),
)


@pytest.fixture
def world(still: World) -> World:
    return still


def ask(world: World, viewer: Viewer = ANA, seconds: int = 5) -> Job:
    """A take of $0.70, or of $0.14 a second."""
    return world.ask(viewer=viewer, params={"duration": str(seconds)})


def ended(world: World, job: Job, result: Finished | Errored) -> Job:
    with world.deps.store.begin() as session:
        fresh = jobs.get(session, job.id)
        apply_result.apply_outcome(session, fresh, result, at=world.deps.clock.now(), by="test")
        return jobs.get(session, job.id)


def spent(world: World, owner: str | None = None) -> budgets.SpendingSummary:
    return budgets.spending_summary(world.deps, owner and [owner])


@pytest.mark.parametrize(
    ("limit", "title", "renews"),
    [
        ("budget_day_usd", "Today's budget", "Mon 2 Nov, 00:00 (UTC)"),
        ("budget_user_day_usd", "Your budget for today", "Mon 2 Nov, 00:00 (UTC)"),
        ("budget_month_usd", "This month's budget", "Tue 1 Dec, 00:00 (UTC)"),
        ("budget_user_month_usd", "Your budget for this month", "Tue 1 Dec, 00:00 (UTC)"),
    ],
)
def test_a_start_beyond_the_tightest_limit_is_refused_and_names_it(world, limit, title, renews):
    poor = world.with_settings(**{"budget_day_usd": 50.0, "budget_month_usd": 50.0, limit: 1.0})
    ask(poor)
    assert spent(poor, "ana").tightest_limit.left_usd == pytest.approx(0.30)
    with pytest.raises(BudgetExceeded) as error:
        ask(poor)
    assert error.value.limit == limit.upper()
    assert error.value.left_usd == pytest.approx(0.30)
    assert str(error.value).startswith(f"{title} has $0.30 left. It may cost up to $0.70.")
    assert f"wait until it renews on {renews}" in str(error.value)
    assert spent(poor).today_usd == pytest.approx(0.70)
    with nullcontext() if "user" in limit else pytest.raises(BudgetExceeded):
        ask(poor, BEN)  # a person's limit stops nobody else


def test_the_api_says_which_limit_and_how_much_it_has_left(sidecar):
    object.__setattr__(sidecar.deps.settings, "budget_user_month_usd", 0.95)
    sidecar.started()
    answer = sidecar.start(BODY)
    assert answer.status_code == 402
    told = answer.get_json()["error"]
    assert (told["code"], told["limit"], told["left_usd"]) == ("budget", "BUDGET_USER_MONTH_USD", 0.25)
    assert "$0.25" in told["message"]


def test_a_months_limit_holds_over_its_days_and_starts_anew_with_the_next_one(world, clock):
    poor = world.with_settings(budget_month_usd=1.0)
    ask(poor)
    clock.pass_s(20 * DAY_S)
    assert (spent(poor).today_usd, spent(poor).month_usd) == (0, pytest.approx(0.70))
    with pytest.raises(BudgetExceeded):
        ask(poor)
    clock.pass_s(11 * DAY_S)
    ask(poor)


@pytest.mark.parametrize("soft", ["day", "user_day", "month", "user_month"])
def test_a_soft_limit_warns_and_refuses_nothing(world, soft):
    warned = world.with_settings(**{f"budget_warn_{soft}_usd": 1.0})
    ask(warned)
    assert spent(warned, "ana").passed_warnings == []
    ask(warned)
    (warning,) = spent(warned, "ana").passed_warnings
    assert warning.setting == f"BUDGET_WARN_{soft.upper()}_USD"
    assert spent(warned, "ana").tightest_limit is None


def test_what_is_left_is_never_rounded_up(world):
    with pytest.raises(BudgetExceeded, match=r"has \$0\.99 left"):
        ask(world.with_settings(budget_day_usd=0.999), seconds=10)


def test_a_video_that_comes_after_all_counts_again_and_its_bill_is_asked_for(world):
    job = world.advance(ask(world), *SENT, request_id="req")
    ended(world, job, BROKE)
    assert spent(world).today_usd == 0
    late = ended(world, job, FINISHED)
    assert (late.billed_units, late.billed_usd) == (None, None)
    assert spent(world).today_usd == pytest.approx(0.70)
    kinds = [line.kind for line in takes.ledger_entries(world.deps, ANA, job.id)]
    assert kinds == ["estimate", "release", "restore"]
    with pytest.raises(NotFound):  # it is nobody else's to read
        takes.ledger_entries(world.deps, BEN, job.id)


# -- whatever happens, in any order -------------------------------------------------------------

LIMITS = {"budget_day_usd": 2.5, "budget_user_month_usd": 2.0}
OPS = st.one_of(
    st.tuples(st.just("start"), st.sampled_from([ANA, BEN]), st.integers(3, 10)),
    st.tuples(
        st.sampled_from(["refuse", "cancel", "send", "hold", "fail", "fail_billed", "finish", "bill"]),
        st.integers(0, 2),  # few takes, to each of which much happens
        st.sampled_from([0, 3, 10]),
    ),
)


class Oracle:
    """What every take should count for, kept in plain numbers beside the real ledger."""

    def __init__(self, world: World) -> None:
        self.world = world.with_settings(**LIMITS)
        self.jobs: list[Job] = []
        self.counts: dict[str, int] = {}
        self.written_off: set[str] = set()

    def total(self, viewer: Viewer | None = None) -> int:
        return sum(self.counts[job.id] for job in self.jobs if viewer is None or job.owner == viewer.name)

    def start(self, viewer: Viewer, seconds: int) -> None:
        wanted = seconds * SECOND
        left = min(2_500_000 - self.total(), 2_000_000 - self.total(viewer))
        if wanted > left or left <= 0:
            with pytest.raises(BudgetExceeded) as error:
                ask(self.world, viewer, seconds)
            assert error.value.left_usd == pytest.approx(max(0, left) / 1e6)
        else:
            job = ask(self.world, viewer, seconds)
            self.jobs.append(job)
            self.counts[job.id] = wanted

    def do(self, what: str, which: int, units: int) -> None:
        if self.jobs:
            job = self.jobs[which % len(self.jobs)]
            with suppress(StaleState):  # it can't happen to a take in that state, so nothing may have changed
                self.counts[job.id] = self.after(what, job, units)

    def after(self, what: str, job: Job, units: int) -> int:
        """Do this to a take; what it should count for then."""
        counts = self.counts[job.id]
        match what:
            case "send":
                self.world.advance(job, *SENT, request_id=job.id)
            case "hold":
                self.world.advance(job, E.SUBMIT_BEGUN, E.UNANSWERED, error={"charged": "maybe"})
            case "refuse":
                self.world.advance(job, *REFUSED, error={"charged": "no"})
                return self.off(job)
            case "cancel":
                unsent = self.world.job(job).state == "created"
                cancel.cancel_job(self.world.deps, ANA if job.owner == "ana" else BEN, job.id)
                return self.off(job) if unsent else counts
            case "fail":
                ended(self.world, job, Errored("internal_server_error", "It broke.", own_fault=True))
                return self.off(job)
            case "finish":
                ended(self.world, job, FINISHED)
                if job.id in self.written_off:
                    self.written_off.discard(job.id)
                    return round((job.estimate_usd or 0) * 1e6)
            case "fail_billed":
                ended(self.world, job, Errored("content_policy_violation", "No.", billable_units=units))
                return units * SECOND or self.off(job)
            case "bill" if (job := self.world.job(job)).state == "rendered":
                with self.world.deps.store.begin() as session:
                    news = settling.settle_bill(session, job, units, at=self.world.deps.clock.now())
                    jobs.update_if_unchanged(session, job, **news)
                return units * SECOND or self.off(job)
        return counts

    def off(self, job: Job) -> int:
        self.written_off.add(job.id)
        return 0

    def agrees(self) -> None:
        with self.world.deps.store.read() as session:
            counted = {job.id: ledger.counted_micros(session, job.id) for job in self.jobs}
        assert counted == self.counts
        assert min(counted.values(), default=0) >= 0

    def adds_up(self) -> None:
        assert spent(self.world).today_usd == pytest.approx(self.total() / 1e6)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)  # fmt: skip
@given(st.lists(OPS, min_size=10, max_size=25))
def test_whatever_happens_in_any_order_every_take_counts_for_what_is_known_of_it(world, ops):
    """No start passes a limit, no sum is negative, and the ledger agrees with what was done."""
    with world.deps.store.begin() as session:
        for table in (LedgerEntry, History, Job):
            session.exec(delete(table))
    oracle = Oracle(world)
    for name, *values in ops:
        oracle.start(*values) if name == "start" else oracle.do(name, *values)
        oracle.agrees()
    oracle.adds_up()


def start_all_that_fit(name: str, ready: Any, made: Any) -> None:
    """In a process of its own, from 25 threads."""
    world = World(open_deps(), sim=None)

    def start(number: int) -> bool:
        with suppress(BudgetExceeded):
            return bool(ask(world, Viewer(name, Role.CREATOR)))
        return False

    ready.wait(PATIENCE_S)
    made.put(sum(at_once(25, start)))


def test_two_processes_that_start_at_once_can_not_overrun_a_limit_and_use_all_of_it(world, monkeypatch):
    monkeypatch.setenv("BUDGET_MONTH_USD", "14.10")
    monkeypatch.setenv("BUDGET_USER_DAY_USD", "10")
    monkeypatch.setenv("FAL_KEY", "id:x")
    ready, made = FORKS.Barrier(2), FORKS.Queue()
    both = [calling(start_all_that_fit, name, ready, made) for name in ("ana", "ben")]
    for process in both:
        process.start()
    fitted = [made.get(timeout=PATIENCE_S) for _ in both]
    for process in both:
        process.join()
    assert sum(fitted) == 20
    assert max(fitted) <= 14
    with world.deps.store.read() as session:
        spent = ledger_sums.spent_micros(session, first_day="2000-01-01", last_day="2999-12-31")
    assert spent == 20 * 700_000
