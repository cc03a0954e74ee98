"""What doesn't grow with the number of takes is still right: sums, counts, the walk over files, the index."""

import random
import threading

import pytest
from sqlalchemy import text

from backend.domain.errors import StoreUnavailable
from backend.domain.states import JobEvent
from backend.domain.take_filter import TakeFilter
from backend.services.access import LOCAL_VIEWER
from backend.services.gallery import takes as library
from backend.services.money import budgets
from backend.services.operations import status, sweep, totals
from backend.store.database.schema.migrate import migrate_schema
from backend.store.jobs import counts
from backend.store.money import ledger, ledger_sums
from backend.store.records import videos
from backend.store.search import pages, text_index, text_index_postgres, text_index_sqlite
from backend.store.search.query import TakeQuery
from tests import databases
from tests.services.client import ACCEPTED, BODY
from tests.world import MODEL

pytestmark = databases.BOTH

DAYS = ("2025-11-01", "2025-11-02")


def write_lines(sidecar, number, seed=0):
    """Lines for days, people and models as they come; returns what they come to, added up one by one."""
    rng = random.Random(seed)
    job_id = sidecar.started()
    come_to = {}
    with sidecar.deps.store.begin() as session:
        for _ in range(number):
            day, owner, micros = rng.choice(DAYS), rng.choice(("ana", "ben")), rng.randrange(-500, 1000)
            session.connection().execute(
                text(
                    "INSERT INTO line (job_id, owner, day, kind, micros, source, at)"
                    " VALUES (:job, :owner, :day, 'bill', :micros, 'billed', '2025-11-02 00:00:00+00')"
                ),
                {"job": job_id, "owner": owner, "day": day, "micros": micros},
            )
            come_to[day, owner] = come_to.get((day, owner), 0) + micros
    return come_to


def read(sidecar, ask, *given, **more):
    with sidecar.deps.store.read() as session:
        return ask(session, *given, **more)


def add_up(sidecar, most=10_000, at_least=1):
    with sidecar.deps.store.begin() as session:
        return ledger_sums.roll_up(session, at=sidecar.clock.now(), limit=most, at_least=at_least)


@pytest.mark.parametrize("kept", [0, 7, 40, 1000])
def test_sums_are_the_same_however_many_lines_are_added_up_already(sidecar, kept):
    come_to = write_lines(sidecar, 40)
    add_up(sidecar, most=kept) if kept else None
    some = {"first_day": DAYS[0], "last_day": DAYS[1]}
    for owner in ("ana", "ben"):
        mine = sum(micros for (_, who), micros in come_to.items() if who == owner)
        assert read(sidecar, ledger_sums.spent_micros, owner=owner, **some) == mine
    by_day = [(day, sum(m for (d, _), m in come_to.items() if d == day)) for day in DAYS]
    assert read(sidecar, ledger_sums.by_day, **some) == by_day
    total = sum(come_to.values())
    later = (
        read(sidecar, ledger_sums.spent_micros, first_day=DAYS[0], last_day="2999") - total
    )  # the start's own estimate
    assert dict(read(sidecar, ledger_sums.by_model, first_day=DAYS[0])) == {MODEL: total + later}
    assert sum(dict(read(sidecar, ledger_sums.by_owner, first_day=DAYS[0])).values()) == total + later


def test_lines_are_added_up_once_and_not_for_a_few(sidecar):
    write_lines(sidecar, 40)
    assert add_up(sidecar, at_least=1000) == 0
    assert [add_up(sidecar, most=30), add_up(sidecar, most=30), add_up(sidecar)] == [30, 11, 0]


@pytest.mark.databases("postgres")  # a file has one writer at a time
def test_a_line_that_is_committed_late_is_not_forgotten(sidecar):
    """On a server a line may have a smaller id than one that was committed before it."""
    write_lines(sidecar, 5)
    line = text(
        "INSERT INTO line (job_id, owner, day, kind, micros, source, at)"
        " VALUES ('x', 'ana', '2025-11-01', 'bill', 1000000, 'billed', now())"
    )
    before = read(sidecar, ledger_sums.spent_micros, first_day=DAYS[0], last_day=DAYS[1])
    with sidecar.deps.store.begin() as late:
        late.connection().execute(line)
        write_lines(sidecar, 5, seed=1)  # later ids, committed first
        assert add_up(sidecar) == 0  # it waits rather than count beyond the one that is on its way
    between = read(sidecar, ledger_sums.spent_micros, first_day=DAYS[0], last_day=DAYS[1])
    assert add_up(sidecar) > 10
    assert read(sidecar, ledger_sums.spent_micros, first_day=DAYS[0], last_day=DAYS[1]) == between
    assert between - before >= 1_000_000 - 5 * 500


@pytest.mark.databases("postgres")  # a file has one writer at a time
def test_control_without_the_wait_a_late_line_is_lost(sidecar, monkeypatch):
    monkeypatch.setattr(ledger_sums, "_all_written", lambda session: True)
    with pytest.raises(AssertionError):
        test_a_line_that_is_committed_late_is_not_forgotten(sidecar)


def test_budgets_hold_while_sums_are_being_kept(sidecar, monkeypatch):
    """Whoever decides by a sum never sees it between the fact that moved on and the rows that did not."""
    write_lines(sidecar, 400)
    right = read(sidecar, ledger_sums.spent_micros, first_day=DAYS[0], last_day=DAYS[1])
    seen, done = set(), threading.Event()

    def decide():
        while not done.is_set():
            with sidecar.deps.store.begin() as session:
                ledger_sums.acquire_advisory_lock(session, ledger_sums.BUDGET_LOCK)
                seen.add(ledger_sums.spent_micros(session, first_day=DAYS[0], last_day=DAYS[1]))

    thread = threading.Thread(target=decide)
    thread.start()
    while add_up(sidecar, most=20):
        pass
    done.set()
    thread.join()
    assert seen == {right}


def test_the_tally_counts_what_settled_once_and_what_is_new_at_once(sidecar, monkeypatch):
    monkeypatch.setattr(totals, "EXACT_UP_TO", 2)
    made = [sidecar.started(body={**BODY, "prompt": f"Take {number}"}) for number in range(5)]
    for number, job_id in enumerate(made[:3]):
        sidecar.advance(job_id, *ACCEPTED)
        sidecar.stored(job_id, b"%d" % number * 10)
    assert status.collect_numbers(sidecar.deps).videos == 3
    totals.update_totals(sidecar.deps)
    sidecar.clock.pass_s(totals.SETTLED_AFTER.total_seconds() + 61)
    totals.update_totals(sidecar.deps)
    sidecar.advance(made[3], *ACCEPTED)
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
    made = [sidecar.started(body={**BODY, "prompt": f"Take {number}"}) for number in range(4)]
    assert library.count_open(sidecar.deps) == {"created": 2}
    before = library.last_change(sidecar.deps)
    sidecar.advance(made[0], JobEvent.CANCELLED)
    assert library.count_open(sidecar.deps) == {"created": 2}
    assert library.last_change(sidecar.deps) != before
    assert read(sidecar, counts.by_state) == {"created": 3, "cancelled": 1}


def test_the_walk_over_many_files_has_its_own_pace(sidecar, monkeypatch):
    monkeypatch.setattr(sweep, "FILES_BATCH", 2)
    kept = []
    for number in range(4):
        job_id = sidecar.started(body={**BODY, "prompt": f"Take {number}"})
        sidecar.advance(job_id, *ACCEPTED)
        kept.append(sidecar.stored(job_id, b"%d" % number * 10))
    sidecar.deps.storage.remove(kept[3].key)
    found = []
    for _ in range(3):
        found.append(sweep._find_missing(sidecar.deps))
        assert sweep._find_missing(sidecar.deps) == 0  # too soon for the next ones
        sidecar.clock.pass_s(sweep.WALK_EVERY.total_seconds())
    assert sum(found) == 1


# -- the index of words -----------------------------------------------------------------------


def find(sidecar, typed, **more):
    page = library.list_takes(sidecar.deps, LOCAL_VIEWER, TakeFilter(text=typed, **more))
    return [take.job.id for take in page.items]


def test_control_a_take_that_nobody_notes_is_not_found(sidecar, database_kind):
    """So the tests that find takes at once would tell if a trigger were lost."""
    with sidecar.deps.store.begin() as session:
        on = " ON job" if database_kind == "postgres" else ""
        session.connection().exec_driver_sql(f"DROP TRIGGER job_unread{on}")
    sidecar.started()
    assert find(sidecar, "dress") == []


def test_control_a_state_that_nobody_notes_is_not_found(sidecar, database_kind):
    job_id = sidecar.started()
    sweep.index_new_takes(sidecar.deps)
    with sidecar.deps.store.begin() as session:
        on = " ON job" if database_kind == "postgres" else ""
        session.connection().exec_driver_sql(f"DROP TRIGGER job_unread_again{on}")
    sidecar.advance(job_id, JobEvent.CANCELLED)
    assert find(sidecar, "dress", states=["cancelled"]) == []


def test_control_a_take_that_is_taken_for_read_and_is_not_can_not_be_found(sidecar, monkeypatch):
    sidecar.started()
    for dialect in (text_index_sqlite, text_index_postgres):
        monkeypatch.setattr(dialect, "put_entries", lambda *given: None)
    sweep.index_new_takes(sidecar.deps)
    assert find(sidecar, "dress") == []


def test_a_migration_that_was_stopped_after_its_first_words_is_gone_on_with(sidecar, monkeypatch):
    made = [sidecar.started(body={**BODY, "prompt": f"A dress {number}"}) for number in range(6)]
    monkeypatch.setattr(text_index, "BATCH", 2)
    with pytest.raises(StoreUnavailable):
        text_index.index_all_pending(sidecar.deps.store, on_progress=_stop)
    assert find(sidecar, "dress") == made[::-1]
    migrate_schema(sidecar.deps.store)
    sweep.index_new_takes(sidecar.deps)
    assert find(sidecar, "dress") == made[::-1]


def test_an_unfinished_word_may_miss_twenty_letters_and_stands_for_the_shortest(sidecar, monkeypatch):
    long = {missing: f"lan{'t' * missing}" for missing in (20, 21)}
    made = {missing: sidecar.started(body={**BODY, "prompt": word}) for missing, word in long.items()}
    sweep.index_new_takes(sidecar.deps)
    assert find(sidecar, "lan") == [made[20]]
    assert find(sidecar, "lant") == [made[21], made[20]]
    monkeypatch.setattr(text_index, "MAX_COMPLETIONS", 1)
    assert find(sidecar, "lant") == [made[20]]


def _stop(_number):
    raise StoreUnavailable("stopped")


@pytest.mark.parametrize("typed", ["rare", "common", "rare common"])
@pytest.mark.parametrize("walk", [1, 5])
@pytest.mark.databases("postgres")  # a file's index is in the order of the takes
def test_stretches_of_time_find_what_the_whole_index_finds(sidecar, monkeypatch, typed, walk):
    """With a walk so short that the index is asked: within stretches, and at last without."""
    made = []
    for number in range(40):
        said = " ".join(word for word, every in (("rare", 13), ("common", 2)) if number % every == 0)
        made.append((sidecar.started(body={**BODY, "prompt": f"{said} thing"}), said))
        sidecar.clock.pass_s(3600 * 5)  # the stretches are hours and days long
    sweep.index_new_takes(sidecar.deps)
    monkeypatch.setattr(text_index_postgres, "SCAN_ROWS", 0)
    monkeypatch.setattr(text_index_postgres, "SCAN_ROWS_MIN", walk)
    right = [job_id for job_id, said in reversed(made) if set(typed.split()) <= set(said.split())]
    assert find(sidecar, typed) == right
    asked = []
    whole = text_index_postgres._Search.query_index

    def ask(self, after, before, *, within=()):
        asked.append(bool(within))
        return whole(self, after, before, within=within)

    monkeypatch.setattr(text_index_postgres._Search, "query_index", ask)
    page = library.list_takes(sidecar.deps, LOCAL_VIEWER, TakeFilter(text=typed), limit=1)
    assert [take.job.id for take in page.items] == right[:1]
    assert find(sidecar, typed) == right
    assert set(asked) == {True, False} or typed == "common"


@pytest.mark.parametrize("states", [["held"], ["held", "failed"]], ids=" ".join)
@pytest.mark.parametrize("walk", [1, 3, 100])
def test_words_among_rare_takes_are_found_however_few_are_walked(sidecar, monkeypatch, states, walk):
    """Some are not read since they got there, one not at all; the page begins and ends anywhere."""
    made = []
    for number in range(24):
        said = f"dress {number}" if number % 3 else "coat"
        made.append((sidecar.started(body={**BODY, "prompt": said}), "held" if number % 2 else "failed"))
    sweep.index_new_takes(sidecar.deps)
    for job_id, state in made[:20]:
        ended = (JobEvent.UNANSWERED,) if state == "held" else (JobEvent.ACCEPTED, JobEvent.ERRORED)
        sidecar.advance(job_id, JobEvent.SUBMIT_BEGUN, *ended)
        if job_id == made[15][0]:
            sweep.index_new_takes(sidecar.deps)
    monkeypatch.setattr(text_index_postgres, "SCAN_ROWS", 0)
    monkeypatch.setattr(text_index_postgres, "SCAN_ROWS_MIN", walk)
    fit = [job_id for number, (job_id, state) in enumerate(made[:20]) if number % 3 and state in states][::-1]
    assert find(sidecar, "dress", states=states) == fit
    wanted = TakeFilter(text="dress", states=states)
    for most in (1, 2, 5):
        assert read(sidecar, _ids, wanted, most, before=fit[2]) == fit[3 : 3 + most]
        assert read(sidecar, pages.find_ids, TakeQuery(wanted, most, after=fit[-3])) == fit[:-3][::-1][:most]


def test_of_several_rare_states_none_is_passed_over_for_an_older_take(sidecar, monkeypatch):
    """The look at rows ends before it comes to ana's failed take, and would see her older, held one."""
    monkeypatch.setattr(text_index_postgres, "SCAN_ROWS", 0)
    monkeypatch.setattr(text_index_postgres, "SCAN_ROWS_MIN", 2)
    monkeypatch.setattr(text_index_postgres, "SCAN_MULTIPLE", 1)
    held = sidecar.started(who="ana")
    sidecar.advance(held, JobEvent.SUBMIT_BEGUN, JobEvent.UNANSWERED)
    failed = [sidecar.started(who=who) for who in ("ana", "ben", "ben", "ben")]
    for job_id in failed:
        sidecar.advance(job_id, JobEvent.SUBMIT_BEGUN, JobEvent.ACCEPTED, JobEvent.ERRORED)
    sweep.index_new_takes(sidecar.deps)
    wanted = TakeFilter(owner="ana", states=["held", "failed"])
    assert read(sidecar, _ids, wanted, 1, before=None) == [failed[0]]
    assert read(sidecar, _ids, wanted, 2, before=None) == [failed[0], held]


def _ids(session, wanted, limit, *, before):
    return [job.id for job, _ in pages.find_page(session, TakeQuery(wanted, limit, before=before)).items]


def test_one_persons_words_are_no_others(sidecar):
    mine = sidecar.started(who="ana", body={**BODY, "prompt": "silk dress"})
    sidecar.started(who="ben", body={**BODY, "prompt": "cotton dress"})
    sweep.index_new_takes(sidecar.deps)
    assert find(sidecar, "silk dress", owner="ana") == [mine]
    assert find(sidecar, "silk", owner="ben") == []
    assert find(sidecar, "dre", owner="ana") == [mine]


def test_what_may_have_been_charged_is_added_up_from_held_takes_alone(sidecar):
    first, _ = sidecar.started(), sidecar.started(body={**BODY, "prompt": "Other"})
    sidecar.advance(first, JobEvent.SUBMIT_BEGUN, JobEvent.UNANSWERED)
    assert read(sidecar, ledger.at_risk)[0] == read(sidecar, ledger.at_risk, "ana")[0] == 1
    assert read(sidecar, ledger.at_risk, "ben")[0] == 0
    assert budgets.spending_summary(sidecar.deps, "ana").held == 1
