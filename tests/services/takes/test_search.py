"""Takes are found by words and filters: at once, on both databases, read into the index or not."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.domain.states import JobEvent
from backend.domain.take_filter import TakeFilter
from backend.services.access import LOCAL_VIEWER, Role, Viewer
from backend.services.gallery import takes as library
from backend.services.operations.sweep import index_new_takes
from backend.store.jobs import jobs
from backend.store.search import index_search
from backend.store.search import pages as search_pages
from backend.store.search.query import TakeQuery
from tests import databases
from tests.services.client import ACCEPTED, BODY
from tests.world import MODEL

pytestmark = databases.BOTH

STORED = (*ACCEPTED, JobEvent.FINISHED)


@pytest.fixture(params=["unread", "read"])
def indexed(request, sidecar):
    """Both ways to be found: looked at as a row, or in the index."""
    return lambda: index_new_takes(sidecar.deps) if request.param == "read" else None


def make(sidecar, prompt, who="ana"):
    return sidecar.started(who=who, body={**BODY, "prompt": prompt})


def shown(sidecar, viewer=LOCAL_VIEWER, **wanted):
    return [take.job.id for take in library.list_takes(sidecar.deps, viewer, TakeFilter(**wanted)).items]


def test_words_are_found_newest_first_and_an_unfinished_one_as_well(sidecar, indexed):
    first, second, other = (make(sidecar, prompt) for prompt in ("A red dress", "Dresses, RED", "A blue fox"))
    indexed()
    assert shown(sidecar, text="red dre") == [second, first]
    assert shown(sidecar, text="fox") == [other]
    assert shown(sidecar, text="zebra") == shown(sidecar, text="???") == []


@pytest.mark.parametrize(
    "typed", ['"', "'", "a AND", "NEAR(", "red*)", "NOT", "{a b}:c", "%_", "\\", "a\0b", ":x", "-red"]
)
def test_signs_are_no_commands(sidecar, indexed, typed):
    make(sidecar, "A red dress")
    indexed()
    shown(sidecar, text=typed)


def test_other_scripts_are_found(sidecar, indexed):
    prompts = {"红裙": "一条红裙在风中", "cafe": "Im Café", "हिन्दी": "हिन्दी में", "원피스": "빨간 원피스가"}
    made = {typed: make(sidecar, prompt) for typed, prompt in prompts.items()}
    indexed()
    assert {typed: shown(sidecar, text=typed) for typed in made} == {t: [i] for t, i in made.items()}


def test_every_combination_gives_what_looking_at_each_row_gives(sidecar, indexed):
    """The control is the plain rule, applied to every row."""
    paths = [
        (),
        ACCEPTED,
        (*ACCEPTED, JobEvent.ERRORED),
        (JobEvent.CANCELLED,),
        (JobEvent.SUBMIT_BEGUN, JobEvent.UNANSWERED),
    ]
    made = []
    for number in range(30):
        job_id = make(
            sidecar, f"{'red' if number % 2 else 'blue'} dress {number}", ("ana", "ben")[number % 3 == 0]
        )
        if path := paths[number % 5]:
            sidecar.advance(job_id, *path)
        made.append(job_id)
        if number == 14:
            indexed()
    groups = [
        None,
        ["failed"],
        ["held", "cancelled"],
        ["created", "queued"],
        ["stored", "failed"],
        ["queued", "held"],
    ]
    for text in (None, "red", "dress 1", "blue dress"):
        for owner in (None, "ana", "nobody"):
            for states in groups:
                for model in (None, MODEL):
                    wanted = TakeFilter(owner, states, model, None, text)
                    assert everything(sidecar, wanted) == plain(sidecar, made, wanted), wanted


def everything(sidecar, wanted):
    """All pages of three, one after the other, and back again."""
    pages, cursor = [], None
    while True:
        page = library.list_takes(sidecar.deps, LOCAL_VIEWER, wanted, limit=3, cursor=cursor)
        pages += [take.job.id for take in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    with sidecar.deps.store.read() as session:
        back = search_pages.find_ids(session, TakeQuery(wanted, 200, after=""))
    assert back == pages[::-1]
    return pages


def plain(sidecar, made, wanted):
    from backend.domain.words import query_terms

    typed = query_terms(wanted.text) if wanted.text else None
    with sidecar.deps.store.read() as session:
        rows = [jobs.get(session, job_id) for job_id in made]
    return [row.id for row in reversed(rows) if index_search.matches_filter(row, wanted, typed)]


def test_a_take_that_changes_is_found_by_its_new_state_at_once(sidecar, indexed):
    job_id = make(sidecar, "A red dress")
    indexed()
    sidecar.advance(job_id, *ACCEPTED, JobEvent.ERRORED)
    assert shown(sidecar, text="red", states=["failed"]) == [job_id]
    indexed()
    assert shown(sidecar, text="red", states=["failed"]) == [job_id]
    sidecar.stored(job_id)
    assert shown(sidecar, text="red", states=["failed"]) == []
    assert shown(sidecar, text="red", states=["stored"]) == [job_id]


def test_what_was_read_is_not_read_again(sidecar):
    make(sidecar, "A red dress")
    assert (index_new_takes(sidecar.deps), index_new_takes(sidecar.deps)) == (1, 0)


def test_a_creator_finds_only_their_own(sidecar, indexed):
    mine, _ = make(sidecar, "red dress", "ana"), make(sidecar, "red dress", "ben")
    indexed()
    assert shown(sidecar, Viewer("ana", Role.CREATOR), text="red") == [mine]


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.text(st.characters()))
def test_no_typed_text_ever_raises(sidecar, typed):
    shown(sidecar, text=typed)


def test_more_moving_takes_than_are_looked_at_one_by_one(sidecar):
    made = [make(sidecar, f"red {number}") for number in range(index_search.MOVING_SCAN_ROWS + 5)]
    index_new_takes(sidecar.deps)
    assert shown(sidecar, text="red", states=["created"]) == made[::-1][: library.PAGE_SIZE]
