"""The life of a job, as a table: closed, every state reachable, and a finished video wins from anywhere."""

from hypothesis import given
from hypothesis import strategies as st

from backend.domain.states import ACTIVE_STATES, API_STATUS, ENDED_STATES, TRANSITIONS, JobEvent, JobState

S, E = JobState, JobEvent
#: Its files are ours; or the provider has lost them; or a person does without.
LEAVE_RENDERED = {E.SAVED, E.LOST, E.CANCELLED}


def moved(state: JobState, event: JobEvent) -> JobState:
    """Where an event leads from here; the same state when it may not happen here."""
    allowed, target = TRANSITIONS[event]
    return target if state in allowed else state


def test_the_states_are_the_nine_words_of_the_contract_and_each_can_be_reached_and_left_but_the_last():
    assert [str(state) for state in JobState] == (
        ["created", "submitting", "queued", "running", "rendered", "stored", "held", "failed", "cancelled"]
    )
    found = {S.CREATED}
    for _ in JobState:
        found |= {moved(state, event) for state in found for event in TRANSITIONS}
    assert found == set(JobState)
    assert {state for allowed, _ in TRANSITIONS.values() for state in allowed} == found - {S.STORED}
    assert [event for event, (allowed, target) in TRANSITIONS.items() if target in allowed] == []


def test_a_finished_video_wins_from_anywhere_and_is_called_stored_when_a_file_was_saved_for_it():
    assert TRANSITIONS[E.FINISHED] == (set(JobState) - {S.RENDERED, S.STORED}, S.RENDERED)
    assert [event for event, (_, target) in TRANSITIONS.items() if target == S.STORED] == [E.SAVED]
    assert TRANSITIONS[E.SAVED][0] == {S.RENDERED}
    assert {event for event in TRANSITIONS if S.RENDERED in TRANSITIONS[event][0]} == LEAVE_RENDERED


def test_what_may_have_left_is_never_sent_again():
    """Sending begins in `created` alone, and only what is provably unsent returns there."""
    assert TRANSITIONS[E.SUBMIT_BEGUN][0] == {S.CREATED}
    assert [event for event, (_, target) in TRANSITIONS.items() if target == S.CREATED] == [E.UNSENT]
    # `held`: others could not tell, and the one who was sending can.
    assert TRANSITIONS[E.UNSENT][0] == {S.SUBMITTING, S.HELD}


def test_a_job_whose_sending_began_can_not_be_cancelled_until_it_is_known_what_came_of_it():
    assert S.SUBMITTING not in TRANSITIONS[E.CANCELLED][0]


def test_every_state_is_one_word_to_clients_and_moves_or_has_ended_or_waits_for_a_person():
    assert set(API_STATUS.values()) == {"processing", "completed", "failed", "cancelled", "held"}
    assert [state for state, word in API_STATUS.items() if word == "completed"] == [S.STORED]
    assert ACTIVE_STATES | ENDED_STATES | {S.HELD} == set(JobState)
    assert not ACTIVE_STATES & ENDED_STATES


@given(st.lists(st.sampled_from(sorted(TRANSITIONS)), max_size=60))
def test_no_order_of_events_ever_leaves_stored_or_turns_a_video_into_a_failure(events):
    state, had_video = S.CREATED, False
    for event in events:
        was, state = state, moved(state, event)
        if was == S.STORED:
            assert state == S.STORED
        left = was == S.RENDERED and event in LEAVE_RENDERED - {E.SAVED}
        had_video = (had_video or state == S.RENDERED) and not left
        if had_video:
            assert state in (S.RENDERED, S.STORED)
