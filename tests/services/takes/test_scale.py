"""What doesn't grow with the number of takes is still right: sums, counts, the walk over files, the index."""

import random
import threading
from collections import Counter

import pytest
from sqlalchemy import text

from backend.domain.errors import StoreUnavailable
from backend.domain.states import ACTIVE_STATES, JobEvent
from backend.domain.take_filter import TakeFilter
from backend.services.gallery import takes as library
from backend.services.money import budgets
from backend.services.operations import status, sweep, totals
from backend.store.database.schema.migrate import migrate_schema
from backend.store.jobs import counts
from backend.store.money import ledger, ledger_sums
from backend.store.records import videos
from backend.store.search import completions
from backend.store.search.index import blocks, take_index
from tests import databases
from tests.services.receiving import WAY
from tests.viewers import LOCAL_VIEWER
from tests.world import UNPRICED, run_sql, throw

pytestmark = databases.BOTH

DAYS = {"first_day": "2025-11-01", "last_day": "2025-11-02"}
INSERT = text(
    "INSERT INTO line (job_id, owner, day, kind, micros, source, at)"
    " VALUES (:job_id, :owner, :day, 'bill', :micros, 'billed', '2025-11-02 00:00:00+00')"
)


def write_lines(sidecar, number, seed=0):
    """Lines for days and people as they come; returns them."""
    rng, job_id = random.Random(seed), sidecar.ask(**UNPRICED).id
    lines = [
        {"job_id": job_id, "owner": rng.choice(("ana", "ben")), "day": rng.choice([*DAYS.values()]),
         "micros": rng.randrange(-500, 1000)}
        for _ in range(number)
    ]  # fmt: skip
    with sidecar.deps.store.begin() as session:
        session.connection().execute(INSERT, lines)
    return lines


def read(sidecar, ask, *given, **more):
    with sidecar.deps.store.read() as session:
        return ask(session, *given, **more)


def add_up(sidecar, most=10_000, at_least=1):
    with sidecar.deps.store.begin() as session:
        return ledger_sums.roll_up(session, at=sidecar.clock.now(), limit=most, at_least=at_least)


def make(sidecar, number, prompt="Take {}"):
    return [sidecar.ask(prompt.format(n)).id for n in range(number)]


def test_sums_are_the_same_however_many_lines_are_added_up_already_and_each_is_once(sidecar):
    owners, days = Counter(), Counter()
    for line in write_lines(sidecar, 40):
        owners[line["owner"]] += line["micros"]
        days[line["day"]] += line["micros"]
    assert add_up(sidecar, at_least=1000) == 0, "not for a few"
    for most, added in ((0, 0), (7, 7), (30, 30), (30, 4), (1000, 0)):
        assert most == 0 or add_up(sidecar, most=most) == added
        spent = {owner: read(sidecar, ledger_sums.spent_micros, owners=[owner], **DAYS) for owner in owners}
        assert spent == owners
        for day, micros in days.items():
            assert read(sidecar, ledger_sums.spent_micros, first_day=day, last_day=day) == micros
        assert read(sidecar, ledger_sums.spent_micros, model=UNPRICED["model"], **DAYS) == days.total()
        both = read(sidecar, ledger_sums.spent_of_day_and_since, DAYS["first_day"], day=DAYS["last_day"])
        assert both == (days[DAYS["last_day"]], days.total())


@pytest.mark.databases("postgres")  # a file has one writer at a time
def test_a_line_that_is_committed_late_is_not_forgotten(sidecar):
    """On a server a line may have a smaller id than one that was committed before it."""
    write_lines(sidecar, 5)
    line = {"job_id": "x", "owner": "ana", "day": DAYS["first_day"], "micros": 1_000_000}
    before = read(sidecar, ledger_sums.spent_micros, **DAYS)
    with sidecar.deps.store.begin() as late:
        late.connection().execute(INSERT, line)
        write_lines(sidecar, 5, seed=1)  # later ids, committed first
        assert add_up(sidecar) == 0  # it waits rather than count beyond the one that is on its way
    between = read(sidecar, ledger_sums.spent_micros, **DAYS)
    assert add_up(sidecar) > 10
    assert read(sidecar, ledger_sums.spent_micros, **DAYS) == between
    assert between - before >= 1_000_000 - 5 * 500


@pytest.mark.databases("postgres")  # a file has one writer at a time
def test_control_without_the_wait_a_late_line_is_lost(sidecar, monkeypatch):
    monkeypatch.setattr(ledger_sums, "are_lines_written", lambda session: True)
    with pytest.raises(AssertionError):
        test_a_line_that_is_committed_late_is_not_forgotten(sidecar)


def test_budgets_hold_while_sums_are_being_kept(sidecar):
    """Whoever decides by a sum never sees it between the fact that moved on and the rows that did not."""
    write_lines(sidecar, 400)
    right = read(sidecar, ledger_sums.spent_micros, **DAYS)
    seen, done = set(), threading.Event()

    def decide():
        while not done.is_set():
            with sidecar.deps.store.begin() as session:
                ledger_sums.acquire_advisory_lock(session, ledger_sums.BUDGET_LOCK)
                seen.add(ledger_sums.spent_micros(session, **DAYS))

    thread = threading.Thread(target=decide)
    thread.start()
    while add_up(sidecar, most=20):
        pass
    done.set()
    thread.join()
    assert seen == {right}


def test_the_tally_counts_what_settled_once_and_what_is_new_at_once(sidecar, monkeypatch):
    monkeypatch.setattr(totals, "EXACT_UP_TO", 2)
    made = make(sidecar, 5)
    for number, job_id in enumerate(made[:3]):
        sidecar.stored(job_id, b"%d" % number * 10)
    assert status.collect_numbers(sidecar.deps).videos == 3
    totals.update_totals(sidecar.deps)
    sidecar.clock.pass_s(totals.SETTLED_AFTER.total_seconds() + 61)
    totals.update_totals(sidecar.deps)
    sidecar.stored(made[3], b"x" * 10)
    seen = status.collect_numbers(sidecar.deps)
    assert (seen.videos, seen.videos_bytes) == (4, 40)
    assert seen.jobs["created"] == 1
    assert seen.jobs["stored"] == 3  # more than are counted one by one: as they were at the last count
    sidecar.clock.pass_s(totals.STATES_EVERY.total_seconds() + 61)
    totals.update_totals(sidecar.deps)
    assert status.collect_numbers(sidecar.deps).jobs["stored"] == 4
    assert read(sidecar, videos.count_between, after="", before="~", limit=2)[0] == 2


def test_pages_count_to_a_number_and_notice_every_change(sidecar, monkeypatch):
    monkeypatch.setattr(library, "COUNT_LIMIT", 2)
    made = make(sidecar, 4)
    assert library.count_open(sidecar.deps, LOCAL_VIEWER) == {"created": 2}
    before = library.last_change(sidecar.deps, LOCAL_VIEWER)
    sidecar.advance(made[0], JobEvent.CANCELLED)
    assert library.count_open(sidecar.deps, LOCAL_VIEWER) == {"created": 2}
    assert library.last_change(sidecar.deps, LOCAL_VIEWER) != before
    assert read(sidecar, counts.by_state) == {"created": 3, "cancelled": 1}


def test_the_walk_over_many_files_has_its_own_pace(sidecar, monkeypatch):
    monkeypatch.setattr(sweep, "FILES_BATCH", 2)
    for number, job_id in enumerate(make(sidecar, 4)):
        kept = sidecar.stored(job_id, b"%d" % number * 10)
    sidecar.deps.storage.remove(kept.key)
    found = 0
    for _ in range(3):
        found += sweep._find_missing(sidecar.deps)
        assert sweep._find_missing(sidecar.deps) == 0  # too soon for the next ones
        sidecar.clock.pass_s(sweep.WALK_EVERY.total_seconds())
    assert found == 1


def find(sidecar, typed, **more):
    page = library.list_takes(sidecar.deps, LOCAL_VIEWER, TakeFilter(text=typed, **more))
    return [take.job.id for take in page.items]


def lose_trigger(sidecar, name):
    run_sql(sidecar.deps, f"DROP TRIGGER {name}" + ("" if sidecar.deps.store.embedded else " ON job"))


def test_control_a_take_or_a_state_that_nobody_notes_is_not_found(sidecar):
    """So the tests that find takes at once would tell if a trigger were lost."""
    (job_id,) = make(sidecar, 1, "A dress")
    sweep.index_new_takes(sidecar.deps)
    lose_trigger(sidecar, "job_changed")
    sidecar.advance(job_id, JobEvent.CANCELLED)
    assert find(sidecar, "dress", states=["cancelled"]) == []
    lose_trigger(sidecar, "job_made")
    make(sidecar, 1, "A gown")
    assert find(sidecar, "gown") == []


def test_control_a_take_that_is_taken_for_read_and_is_not_can_not_be_found(sidecar, monkeypatch):
    make(sidecar, 1, "A dress")
    monkeypatch.setattr(blocks, "put_keys", lambda *given: None)
    sweep.index_new_takes(sidecar.deps)
    assert find(sidecar, "dress") == []


def test_a_migration_that_was_stopped_after_its_first_words_is_gone_on_with(sidecar, monkeypatch):
    made = make(sidecar, 6, "A dress {}")
    monkeypatch.setattr(take_index, "BATCH", 2)
    stop = StoreUnavailable("stopped")
    with pytest.raises(StoreUnavailable):
        take_index.index_all_pending(sidecar.deps.store, on_progress=lambda _: throw(stop))
    assert find(sidecar, "dress") == made[::-1]
    migrate_schema(sidecar.deps.store)
    sweep.index_new_takes(sidecar.deps)
    assert find(sidecar, "dress") == made[::-1]


def test_an_unfinished_word_may_miss_twenty_letters_and_stands_for_the_shortest(sidecar, monkeypatch):
    made = {missing: sidecar.ask(f"lan{'t' * missing}").id for missing in (20, 21)}
    sweep.index_new_takes(sidecar.deps)
    assert find(sidecar, "lan") == [made[20]]
    assert find(sidecar, "lant") == [made[21], made[20]]
    monkeypatch.setattr(completions, "MAX_COMPLETIONS", 1)
    assert find(sidecar, "lant") == [made[20]]


def test_what_may_have_been_charged_is_added_up_from_held_takes_alone(sidecar):
    first, _ = make(sidecar, 2)
    sidecar.advance(first, *WAY["held"])
    assert read(sidecar, ledger.at_risk)[0] == read(sidecar, ledger.at_risk, ["ana"])[0] == 1
    assert read(sidecar, ledger.at_risk, ["ben"])[0] == 0
    assert budgets.spending_summary(sidecar.deps, ["ana"]).held == 1


def test_what_moves_of_some_people_is_theirs_alone_the_newest_first_page_by_page(sidecar):
    held, theirs, thrown, *own = make(sidecar, 6)
    sidecar.advance(held, *WAY["held"])
    run_sql(sidecar.deps, "UPDATE job SET owner = 'ben' WHERE id = :id", id=theirs)
    run_sql(sidecar.deps, "UPDATE job SET trashed_at = created_at WHERE id = :id", id=thrown)
    for owners, expected in ((("ana",), own[::-1]), (("ana", "ben"), [*own[::-1], theirs]), (("eve",), [])):
        wanted, found, cursor = TakeFilter(owners=owners, states=ACTIVE_STATES), [], None
        for _ in range(3):
            page = library.list_takes(sidecar.deps, LOCAL_VIEWER, wanted, limit=2, cursor=cursor)
            found, cursor = found + [take.job.id for take in page.items], page.next_cursor
            if cursor is None:
                break
        assert found == expected, owners
