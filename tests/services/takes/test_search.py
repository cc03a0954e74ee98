"""Takes are found by words and filters: at once, on both databases, read into the index or not."""

from itertools import product

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.domain.states import JobEvent
from backend.domain.take_filter import TakeFilter
from backend.domain.words import index_terms, query_terms
from backend.services.gallery import takes as library
from backend.services.operations.sweep import index_new_takes
from backend.store.search import pages as search_pages
from backend.store.search.query import TakeQuery
from tests import databases
from tests.services.client import ACCEPTED
from tests.services.receiving import WAY
from tests.viewers import LOCAL_VIEWER
from tests.world import ANA, BEN, MODEL

pytestmark = databases.BOTH


@pytest.fixture(params=["unread", "read"])
def indexed(request, sidecar):
    """Both ways to be found: looked at as a row, or in the index."""
    return lambda: index_new_takes(sidecar.deps) if request.param == "read" else None


def make(sidecar, prompt, viewer=ANA):
    return sidecar.ask(prompt, viewer=viewer).id


def shown(sidecar, viewer=LOCAL_VIEWER, **wanted):
    return [take.job.id for take in library.list_takes(sidecar.deps, viewer, TakeFilter(**wanted)).items]


def test_words_are_found_newest_first_an_unfinished_one_as_well_and_signs_are_no_commands(sidecar, indexed):
    first, second, other = (make(sidecar, prompt) for prompt in ("A red dress", "Dresses, RED", "A blue fox"))
    indexed()
    assert shown(sidecar, text="red dre") == [second, first]
    assert shown(sidecar, text="fox") == [other]
    assert shown(sidecar, text="zebra") == shown(sidecar, text="???") == []
    for typed in ('"', "'", "a AND", "NEAR(", "red*)", "NOT", "{a b}:c", "%_", "\\", "a\0b", ":x", "-red"):
        shown(sidecar, text=typed)


def test_other_scripts_are_found(sidecar, indexed):
    prompts = {"红裙": "一条红裙在风中", "cafe": "Im Café", "हिन्दी": "हिन्दी में", "원피스": "빨간 원피스가"}
    made = {typed: make(sidecar, prompt) for typed, prompt in prompts.items()}
    indexed()
    assert {typed: shown(sidecar, text=typed) for typed in made} == {t: [i] for t, i in made.items()}


def fits(row, wanted, typed):
    return (
        (wanted.owners is None or row.owner in wanted.owners)
        and (wanted.states is None or row.state in wanted.states)
        and (wanted.model is None or row.model == wanted.model)
        and (typed is None or typed.matches(index_terms(row.prompt, row.sent_prompt, row.owner, row.model)))
    )


ENDS = ("created", "queued", "failed", "cancelled", "held")
GROUPS = (None, ["failed"], ["held", "cancelled"], ["created", "queued"], ["stored", "failed"])


def test_every_combination_gives_what_looking_at_each_row_gives(sidecar, indexed):
    """The control is the plain rule, applied to every row; all pages of three are turned, and back again."""
    made = []
    for number in range(30):
        prompt = f"{'red' if number % 2 else 'blue'} dress {number}"
        made.append(make(sidecar, prompt, BEN if number % 3 == 0 else ANA))
        for event in WAY[ENDS[number % 5]]:
            sidecar.advance(made[-1], event)
        if number == 14:
            indexed()
    rows = [sidecar.job(job_id) for job_id in reversed(made)]
    every = product(
        (None, "red", "dress 1", "blue dress"), (None, ("ana",), ("ben",), ("ana", "ben")), GROUPS
    )
    for number, (text, owners, states) in enumerate(every):
        wanted = TakeFilter(owners, states, (None, MODEL)[number % 2], None, text)
        typed = query_terms(text) if text else None
        plain = [row.id for row in rows if fits(row, wanted, typed)]
        pages, cursor = [], ""
        while cursor is not None:
            page = library.list_takes(sidecar.deps, LOCAL_VIEWER, wanted, limit=3, cursor=cursor or None)
            pages += [take.job.id for take in page.items]
            cursor = page.next_cursor
        assert pages == plain, wanted
        of_ana = [row.id for row in rows if row.owner == "ana" and row.id in plain]
        assert shown(sidecar, ANA, **vars(wanted)) == of_ana[: library.PAGE_SIZE], "a creator's own alone"
        with sidecar.deps.store.read() as session:
            assert search_pages.find_ids(session, TakeQuery(wanted, 200, after="")) == plain[::-1]


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


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.text(st.characters()))
def test_no_typed_text_ever_raises(sidecar, typed):
    shown(sidecar, text=typed)


def test_what_was_read_into_the_index_is_not_read_again(sidecar):
    made = [make(sidecar, f"red {number}") for number in range(3)]
    assert index_new_takes(sidecar.deps) == len(made)
    assert index_new_takes(sidecar.deps) == 0
    assert shown(sidecar, text="red", states=["created"]) == made[::-1]
