"""One take: its files, what was asked for, what happened, and what can be done with it."""

import streamlit as st

from backend.domain.access.roles import Do
from backend.domain.errors import NotFound
from backend.domain.states import ENDED_STATES, JobState
from backend.services.gallery import takes as gallery
from backend.services.library import openings
from backend.services.operations.older_takes import complete_take
from backend.services.takes.ways_out import WayOut, ways_out
from pages.ui import components, context, live, money, rights, text
from pages.ui.library import marks, wall
from pages.ui.takes import actions, cards, detail, files, lineage, more, trash, waiting

deps, viewer = context.deps(), context.viewer()
take_id = st.query_params.get("take") or st.session_state.get("last-take", "")
st.session_state["last-take"] = take_id  # the browser's "back" comes here without its parameter
if st.query_params.to_dict() != {"take": take_id}:
    st.query_params.from_dict({"take": take_id})
st.page_link(cards.GALLERY, label="Gallery", icon=":material/arrow_back:")
try:
    take = gallery.get_take(deps, viewer, take_id)
except NotFound as error:
    st.info(text.plain(error), icon=":material/search_off:")
    st.stop()
complete_take(deps, take)
if take.job.opened_at is None:
    openings.note_opened(deps, viewer, [take_id])


def draw_screen() -> live.Drawn:
    """The files, or where it stands; and what went wrong."""
    context.show_notices()
    fresh, now = gallery.get_take(deps, viewer, take_id), deps.clock.now()
    told = fresh.job.state in ENDED_STATES | {JobState.HELD, JobState.RENDERED}
    card = cards.cards_of([fresh])[fresh.job.id]
    cards.draw_status(card, prompt=False, note=False)
    files.draw_files(fresh, {"card": card, "me": wall.who_looks(viewer)})
    if told:
        cards.draw_trouble(fresh.job)
        cards.draw_output(fresh.job)
    return live.Drawn([card], again_s=waiting.draw_waiting(deps, fresh, now, told=told))


def take_state() -> tuple[object, ...]:
    """What the rest of the page depends on."""
    fresh = gallery.get_take(deps, viewer, take_id)
    here = sum(file.here for file in fresh.files)
    moving = fresh.job.cancel_requested_at, fresh.job.trashed_at, here, files.awaits_copy(fresh)
    return fresh.job.state, *moving, *ways_out(fresh, deps.clock.now())


# Beside a tall clip there is room for what can be done with it; below a wide one it is nearer.
is_tall = take.video is not None and (take.video.height or 0) > (take.video.width or 0)
left, right = st.columns([2, 3] if is_tall else [3, 2], gap="large")
card = cards.cards_of([take])[take_id]
with left:
    trash.draw_in_trash(take.job, card)
    live.draw_live(draw_screen, key="live-take", watch=take_state)
with right if is_tall else left:
    with st.container(horizontal=True, key="take-decisions"):
        actions.draw_decisions(take)
    ways = ways_out(take, deps.clock.now())
    if ways and not viewer.may_change(take.job.owner):
        rights.draw_needed(viewer, viewer.change_of(take.job.owner))
    elif take.job.state == JobState.HELD:
        st.caption(actions.TWICE)
    if WayOut.NAME_LINK in ways and viewer.may_change(take.job.owner):
        actions.draw_link_field(take.job)
    with st.container(horizontal=True, key="take-actions"):
        files.draw_downloads(take)
        video = take.video
        has_frames = video is not None and take.files[0].here and video.checked and video.kind == "video"
        if has_frames and viewer.may(Do.UPLOAD):
            actions.draw_picture_menu(take.job)
        more.draw_more(deps, viewer, take, has_frames=has_frames)
        trash.draw_trash_button(take.job, card)
    lineage.draw_place(deps, viewer, take.job)
    lineage.draw_lineage(deps, viewer, take.job)

with right:
    marks.draw_marks(take, card)
    detail.draw_request(deps, viewer, take.job)
    history, deliveries = gallery.get_history(deps, viewer, take_id)
    with st.expander("History", icon=":material/history:", expanded=True, key="history"):
        components.draw_history(cards.history_rows(history), key="events")
    with st.expander(
        f"Cost · {text.plain(money.cost_words(take.job))}", icon=":material/payments:", key="cost"
    ):
        money.draw_ledger(deps, viewer, take.job)
    with st.expander("Times, ids and file", icon=":material/fingerprint:", key="record"):
        components.draw_facts(detail.record_rows(take), key="facts")
    if deliveries:
        with st.expander(
            f"Webhook deliveries · {len(deliveries)}", icon=":material/webhook:", key="deliveries"
        ):
            detail.draw_deliveries(deliveries)
