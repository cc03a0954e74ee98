"""What the form holds is kept while it is filled: it comes back after a reload; fillings can be undone."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import streamlit as st

from backend.services.deps import Deps
from backend.services.takes.form import drafts, prompt_history
from backend.services.takes.request import TakeRequest, parse_request
from pages.ui import context, text
from pages.ui.form import prefill

#: Fillings that can be undone, one after the other.
UNDO_MAX = 20
_RESTORED, _HELD, _KEPT, _KEPT_AT, _UNDO, _UNTOUCHED = (
    "draft:restored", "draft:held", "draft:kept", "draft:kept-at", "draft:undo", "draft:untouched",
)  # fmt: skip


def restore_once(deps: Deps) -> None:
    """At the first run of a session the form holds what it held when this person left it."""
    if st.session_state.get(_RESTORED):
        return
    st.session_state[_RESTORED] = st.session_state[_UNTOUCHED] = True
    found = drafts.get_draft(deps, context.viewer())
    if found is not None:
        prefill.fill_form(deps, found.request)
        st.session_state[_HELD], st.session_state[_KEPT_AT] = dict(found.request.body), found.changed_at


def fill(deps: Deps, request: TakeRequest) -> list[str]:
    """Fill the form so that it can be undone; returns, in words, what could not be taken over."""
    undo = st.session_state.setdefault(_UNDO, [])
    undo.append(st.session_state.get(_HELD) or {})
    del undo[:-UNDO_MAX]
    return _put(deps, request)


def held_request() -> TakeRequest:
    """What the form held when it was drawn last."""
    return parse_request(st.session_state.get(_HELD) or {})


def keep(deps: Deps, request: TakeRequest) -> None:
    """Keep what the form holds, if that is something else than what is kept."""
    state, mark = st.session_state, request.body_hash()
    state[_HELD] = dict(request.body)
    untouched = state.pop(_UNTOUCHED, False)  # a form that was just opened, or emptied
    if state.get(_KEPT) != mark and not untouched:
        state[_KEPT_AT] = drafts.save_draft(deps, context.viewer(), request.body)
    state[_KEPT] = mark


def draw_tools(deps: Deps) -> None:
    """Below the prompt: earlier prompts, undo, and since when the draft is kept."""
    with st.container(key="form-tools", horizontal=True, vertical_alignment="center", gap="small"):
        with st.popover(
            "Earlier prompts", icon=":material/history:", key="prompt-history", type="tertiary",
            on_change="rerun",
        ) as popover:  # fmt: skip
            if popover.open:
                _draw_prompts(deps)
        if st.session_state.get(_UNDO):
            st.button("Undo", key="form-undo", icon=":material/undo:", type="tertiary", on_click=_undo,
                      help="The form as it was before it was filled")  # fmt: skip
        if kept_at := st.session_state.get(_KEPT_AT):
            st.caption(f"Draft of {_clock(kept_at)}")
            st.button("Clear", key="draft-clear", icon=":material/close:", type="tertiary", on_click=_clear)


def _draw_prompts(deps: Deps) -> None:
    found = prompt_history.recent_prompts(deps, context.viewer())
    if not found:
        st.caption("None yet: what you ask for stands here from then on.")
    for place, prompt in enumerate(found):
        st.button(
            text.plain(text.shorten(prompt, 90)), key=f"earlier-prompt-{place}", type="tertiary",
            width="stretch", on_click=_use_prompt, args=(prompt,),
        )  # fmt: skip


def _use_prompt(prompt: str) -> None:
    fill(context.deps(), parse_request({**held_request().body, "prompt": prompt}))


def _undo() -> None:
    undo = st.session_state.get(_UNDO)
    if undo:
        _put(context.deps(), parse_request(undo.pop()))


def _clear() -> None:
    """An empty form for the same model and project."""
    deps, held = context.deps(), held_request()
    with context.errors_as_notices():
        drafts.clear_draft(deps, context.viewer())
        fill(deps, parse_request({"model": held.model, "project": held.project}))
        st.session_state[_UNTOUCHED] = True
        st.session_state.pop(_KEPT_AT, None)
        context.notify("The form is empty. Undo brings it back.", ":material/ink_eraser:")


def _put(deps: Deps, request: TakeRequest) -> list[str]:
    st.session_state[_HELD] = dict(request.body)
    st.session_state.pop(_UNTOUCHED, None)
    return prefill.fill_form(deps, request)


def _clock(moment: datetime) -> str:
    """When that was, in whoever looks' own time; the day where it is another one."""
    zone = ZoneInfo(st.context.timezone) if st.context.timezone else UTC
    then, now = moment.astimezone(zone), context.deps().clock.now().astimezone(zone)
    return then.strftime("%H:%M") if then.date() == now.date() else then.strftime("%-d %b, %H:%M")
