"""The provider's balance: read now and then with the ADMIN key, and a banner before the account locks."""

from datetime import timedelta

import pytest
import requests
from pydantic import SecretStr

from backend.services.lifecycle import provider_pause
from backend.services.money import settling
from backend.services.operations import status
from backend.services.operations.account import balance
from backend.work.embedded import EmbeddedWorker
from simulator.engine.faults import parse_faults
from simulator.engine.ledger import Rule
from tests import databases
from tests.world import World

pytestmark = databases.BOTH
ADMIN_KEY = "admin-id:of-the-account"


@pytest.fixture(autouse=True)
def admin_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set before the installation is made."""
    monkeypatch.setenv("FAL_ADMIN_KEY", ADMIN_KEY)


def credit(world: World, usd: float) -> None:
    """So much is left at the provider, and ten minutes have passed."""
    requests.put(f"{world.sim.url}/sim/balance", json={"usd": usd}, timeout=30).raise_for_status()
    with world.deps.store.begin() as session:
        balance.BALANCES.of("fal").forget(session)
    balance.read_if_due(world.deps)


def banners(world: World) -> list[tuple[str, str, str]]:
    """Those about the account."""
    found = [(one.level, one.title, one.message) for one in status.list_banners(world.deps)]
    return [one for one in found if "balance" in one[1] or "key" in one[1] or "account" in one[1]]


def spend(world: World, usd: float) -> None:
    """A take of $0.70 that was billed at so much."""
    job = world.until(world.ask(params={"duration": "5"}), "stored")
    with world.deps.store.begin() as session:
        settling.settle_by_events(session, world.job(job), units=5.0, usd=usd, at=world.deps.clock.now())


def test_the_balance_is_what_the_cashbook_leaves_of_the_credit(world):
    requests.put(f"{world.sim.url}/sim/balance", json={"usd": 200.0}, timeout=30).raise_for_status()
    job = world.until(world.ask(params={"duration": "5"}), "stored")
    balance.read_if_due(world.deps)
    seen = balance.list_balances(world.deps)["fal"]
    assert (seen.usd, seen.problem) == (pytest.approx(199.30), None), job.model
    assert seen.at == seen.seen_at
    assert banners(world) == []


def test_it_is_asked_for_every_ten_minutes_with_one_question_whatever_the_answer(world, monkeypatch):
    asked = world.sim.installation.listing_queries
    credit(world, 50.0)
    first = len(asked)
    balance.read_if_due(world.deps)
    assert len(asked) == first
    world.sim.installation.ledger.save_rule(Rule("account/billing", parse_faults(["catalog-http=503"]), None))
    for minutes, questions in ((9, 0), (11, 1), (12, 1), (22, 2)):
        later = world.deps.clock.now() + timedelta(minutes=minutes)
        with monkeypatch.context() as patch:
            patch.setattr(world.deps.clock, "now", lambda later=later: later)
            balance.read_if_due(world.deps)
        assert len(asked) - first == questions
    seen = balance.list_balances(world.deps)["fal"]
    assert (seen.usd, "503" in str(seen.problem)) == (50.0, True), "the last figure stays, with its age"
    assert all(ADMIN_KEY.split(":")[1] not in query for query in asked)


@pytest.mark.parametrize(
    ("usd", "spent_usd", "level", "says"),
    [
        (10.0, 0.0, None, ""),
        (9.99, 0.0, "warning", "Balance $9.99, seen just now. Add credit"),
        (62.0, 140.0, None, ""),
        (59.0, 140.0, "warning", "It lasts 2.9 days at the last week's $20.00 a day."),
        (40.0, 140.0, "warning", "It lasts 2.0 days at the last week's $20.00 a day."),
        (0.0, 0.0, "error", "Balance $0.00"),
        (-1.2, 0.0, "error", "Balance −$1.20"),
    ],
)
def test_a_banner_comes_before_the_account_locks(world, usd, spent_usd, level, says):
    if spent_usd:
        spend(world, spent_usd)
    credit(world, usd)
    found = banners(world)
    assert [one[0] for one in found] == ([level] if level else [])
    assert all(says in one[2] for one in found)


def test_a_figure_of_which_nobody_knows_whether_it_still_holds_warns_of_nothing(world, monkeypatch):
    credit(world, 5.0)
    assert len(banners(world)) == 1, "the control: it was low"
    later = world.deps.clock.now() + balance.TRUSTED_FOR + timedelta(minutes=1)
    monkeypatch.setattr(world.deps.clock, "now", lambda: later)
    assert banners(world) == []


def test_an_account_that_is_locked_is_told_apart_from_a_key_that_is_refused(world):
    credit(world, 0.0)
    refused = world.look(world.ask("Another"))
    assert (refused.state, refused.error["charged"]) == ("failed", "no")
    ((level, title, message),) = banners(world)
    assert (level, title) == ("error", "fal has locked the account: nothing is sent")
    assert "Exhausted balance" in message
    provider_pause.resume_provider(world.deps, "fal")
    credit(world, 100.0)
    world.look(world.ask("[sim:http=401]"))
    assert [one[1] for one in banners(world)] == ["fal refuses our key: nothing is sent"]


def test_without_the_key_nothing_is_asked_or_shown_and_another_accounts_figure_neither(world):
    credit(world, 5.0)
    asked = len(world.sim.installation.listing_queries)
    keyless = world.with_settings(fal_admin_key=SecretStr(""))
    balance.read_if_due(keyless.deps)
    assert (balance.list_balances(keyless.deps), banners(keyless)) == ({}, [])
    assert len(world.sim.installation.listing_queries) == asked
    world.deps.get_provider("fal").key_mark = "another"
    assert balance.list_balances(world.deps) == {}


def test_every_worker_sees_to_it(world, caplog):
    EmbeddedWorker(world.deps)._refresh()
    assert balance.list_balances(world.deps)["fal"].usd == 1000.0
    assert ADMIN_KEY not in caplog.text
