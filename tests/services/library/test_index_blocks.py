"""Old blocks of the index are merged and kept in memory: what is found is as it would be without either."""

from uuid import UUID

import pytest
from sqlalchemy import text

from backend.domain.errors import StoreUnavailable
from backend.domain.take_filter import TakeFilter
from backend.services.gallery import takes as library
from backend.services.library import edit
from backend.services.operations import sweep
from backend.store.search.index import blocks, kept_rows, merging, take_index
from tests import databases
from tests.viewers import LOCAL_VIEWER
from tests.world import run_sql, throw

pytestmark = databases.BOTH

BLOCK, MERGED = 4, 16
#: Above 16,384 takes a block counts its changes, and is kept in memory.
COUNTED = text("UPDATE take_block SET takes = 20000")


@pytest.fixture
def small(sidecar, monkeypatch):
    """Blocks of a few takes."""
    monkeypatch.setattr(take_index, "BLOCK_TAKES", BLOCK)
    monkeypatch.setattr(merging, "MERGED_TAKES", MERGED)
    return sidecar


def make(sidecar, number):
    made = []
    for n in range(number):
        made.append(sidecar.ask(f"Dress {'red' if n % 3 else 'blue'}").id)
        if n % 2:
            sweep.index_new_takes(sidecar.deps)
    return made[::-1]


def find(sidecar, **wanted):
    page = library.list_takes(sidecar.deps, LOCAL_VIEWER, TakeFilter(**wanted), limit=100)
    return [take.job.id for take in page.items]


def sizes(sidecar):
    with sidecar.deps.store.read() as session:
        return [block.takes for block in blocks.list_blocks(session.connection())]


def rows_of_no_block(sidecar):
    with sidecar.deps.store.read() as session:
        run = session.connection().execute
        keys = "SELECT count(*) FROM take_key WHERE block NOT IN (SELECT number FROM take_block)"
        parts = "SELECT count(*) FROM take_ids WHERE number / 65536 NOT IN (SELECT number FROM take_block)"
        return run(text(keys)).scalar_one() + run(text(parts)).scalar_one()


def test_old_blocks_become_few_and_every_take_is_found_in_its_place(small):
    made = make(small, 60)
    assert sizes(small) == [16, 16, 16, 4, 4, 4]
    assert rows_of_no_block(small) == 0
    assert find(small) == find(small, text="dress") == made
    red = [one for n, one in enumerate(made[::-1]) if n % 3][::-1]
    assert find(small, text="red") == red
    edit.tag_take(small.deps, LOCAL_VIEWER, made[-5], add=("hero",))
    sweep.index_new_takes(small.deps)
    assert find(small, tags=("hero",)) == [made[-5]]
    edit.tag_take(small.deps, LOCAL_VIEWER, made[-5], remove=("hero",))
    sweep.index_new_takes(small.deps)
    assert find(small, tags=("hero",)) == []


def test_control_a_merge_that_forgets_what_stood_there_loses_takes(small, monkeypatch):
    monkeypatch.setattr(merging.blocks, "load_keys", lambda *_: {n: {} for n in range(100)})
    assert len(find(small, text="dress")) < len(make(small, 60))


@pytest.fixture
def counted(sidecar):
    """A block that counts its changes, as one of very many takes does; what it has is kept in memory."""
    made = [sidecar.ask("A dress").id for _ in range(3)]
    sweep.index_new_takes(sidecar.deps)
    with sidecar.deps.store.begin() as session:
        session.connection().execute(COUNTED)
    return sidecar, made


def tag(sidecar, job_id):
    edit.tag_take(sidecar.deps, LOCAL_VIEWER, job_id, add=("hero",))
    sweep.index_new_takes(sidecar.deps)


def test_what_was_read_of_a_large_block_is_read_once_until_it_changes(counted, monkeypatch):
    sidecar, made = counted
    asked, load = [], blocks.load_keys

    def spied(connection, numbers, keys):
        asked.extend(numbers)
        return load(connection, numbers, keys)

    monkeypatch.setattr(kept_rows.blocks, "load_keys", spied)
    for n, expected in ((0, []), (1, [made[1]]), (2, [made[2], made[1]])):
        if n:
            tag(sidecar, made[n])
        asked.clear()
        assert [find(sidecar, tags=("hero",)) for _ in range(3)] == [expected] * 3
        assert len(asked) == 1


def test_control_a_block_that_does_not_count_its_changes_is_shown_as_it_was(counted):
    sidecar, made = counted
    for name in ("changed", "gone", "put") if sidecar.deps.store.embedded else ("counted",):
        run_sql(
            sidecar.deps,
            f"DROP TRIGGER take_key_{name}" + ("" if sidecar.deps.store.embedded else " ON take_key"),
        )
    assert find(sidecar, tags=("hero",)) == []
    tag(sidecar, made[1])
    assert find(sidecar, tags=("hero",)) == []


def test_memory_has_its_bound_and_what_was_used_last_stays(counted):
    sidecar, _ = counted
    kept = kept_rows.KeptRows(3 * 220)
    with sidecar.deps.store.read() as session:
        connection = session.connection()
        some = blocks.list_blocks(connection)
        for key in ("dress", "a", "dress", "b", "dress", "c"):
            kept.load_keys(connection, some, [key])
    assert [place[2] for place in kept._rows] == ["b", "dress", "c"]


def put_after(sidecar, monkeypatch, job_id):
    """One more take, with the id right behind this one's; returns it."""
    wanted = str(UUID(int=UUID(job_id).int + 1))
    with monkeypatch.context() as patch:
        patch.setattr(sidecar.clock, "new_id", lambda: wanted)
        assert sidecar.ask("A dress that comes late").id == wanted
    return wanted


def before_step(monkeypatch, steps, do):
    """Something happens in a merge, right before its n-th transaction."""
    with_both, left = merging._with_both, [steps]

    def wrapped(*given):
        left[0] -= 1
        if not left[0]:
            do()
        return with_both(*given)

    monkeypatch.setattr(merging, "_with_both", wrapped)


@pytest.fixture
def unmerged(small, monkeypatch):
    """Five blocks, of which the first two are to be merged next, by four transactions."""
    monkeypatch.setattr(merging, "CHUNK", 12)
    with monkeypatch.context() as patch:
        patch.setattr(merging, "merge_next", lambda _: False)
        made = make(small, 20)
    assert sizes(small) == [BLOCK] * 5
    return small, made


#: A late take goes into the first block, to its end, into the other one; or there is none.
PLACES = (2, 4, 6, None)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("steps", range(1, 5))
def test_a_merge_may_stop_anywhere_and_takes_come_and_change_before_it_goes_on(
    unmerged, monkeypatch, steps, place
):
    sidecar, made = unmerged
    with monkeypatch.context() as patch:
        before_step(patch, steps, lambda: throw(StoreUnavailable("stopped")))
        with pytest.raises(StoreUnavailable):
            merging.merge_next(sidecar.deps.store)
    check_changed(sidecar, monkeypatch, made, place)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("steps", range(1, 5))
def test_takes_may_come_and_change_while_their_blocks_are_merged(unmerged, monkeypatch, steps, place):
    sidecar, made = unmerged
    merged = []
    with monkeypatch.context() as patch:
        before_step(patch, steps, lambda: check_changed(sidecar, monkeypatch, made, place, merge=False))
        merged.append(merging.merge_next(sidecar.deps.store))
    assert merged == [place is None]
    check_found(sidecar, made)


def check_changed(sidecar, monkeypatch, made, place, *, merge=True):
    for job_id in (made[-1], made[-6]):
        edit.tag_take(sidecar.deps, LOCAL_VIEWER, job_id, add=("hero",))
    if place is not None:
        made.insert(20 - place, put_after(sidecar, monkeypatch, made[20 - place]))
    with monkeypatch.context() as patch:
        patch.setattr(merging, "merge_next", lambda _: False)
        sweep.index_new_takes(sidecar.deps)
    check_found(sidecar, made)
    for _ in range(4 if merge else 0):
        merging.merge_next(sidecar.deps.store)
        check_found(sidecar, made)
    if merge:
        assert len(sizes(sidecar)) == 3
        assert rows_of_no_block(sidecar) == 0


def check_found(sidecar, made):
    """The takes, of which two have a tag, and each has the words of its own prompt."""
    assert find(sidecar) == find(sidecar, text="dress") == made
    assert len(find(sidecar, tags=("hero",))) == 2
    with sidecar.deps.store.read() as session:
        prompts = {row[0]: row[1] for row in session.connection().execute(text("SELECT id, prompt FROM job"))}
    for word in ("red", "blue", "late"):
        assert find(sidecar, text=word) == [one for one in made if word in prompts[one].split()], word
