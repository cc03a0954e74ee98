"""A take as people see it: on a poster, in a line that says where it stands, and when it went wrong."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import streamlit as st

from backend.domain.states import JobState
from backend.domain.text import join_sentences
from backend.models import History, Job
from backend.services.gallery.looks import event_words
from backend.services.gallery.take_files import named_by_hand
from backend.services.gallery.takes import Take
from backend.services.live import cards as live_cards
from backend.services.live.cards import NO_PROMPT as NO_PROMPT
from backend.services.money.charges import told_trouble
from pages.ui import components, context, money, text
from pages.ui.components import FactRow, HistoryRow

#: Troubles whose detail is the model's output, which is drawn by itself.
OF_OUTPUTS = frozenset({"unclear_result", "link_leads_nowhere"})
#: Where the pages lie, as the kit finds them: beside the frame.
DETAIL = "library/take.py"
GENERATE = "studio/generate.py"
GALLERY = "library/gallery.py"


def draw_status(card: Mapping[str, object], *, prompt: bool = True, note: bool = True) -> None:
    """Draw where a take stands. card: see `services.live.cards`. note: with its last trouble."""
    shown = {**card, "shows_prompt": prompt, "shows_note": note}
    components.draw_status(shown, key=f"status-{card['id']}")


def cards_of(takes: Sequence[Take]) -> dict[str, Mapping[str, object]]:
    """These takes as cards, by their ids."""
    deps = context.deps()
    made = live_cards.cards_json(deps, context.viewer(), takes, deps.clock.now())
    return {str(card["id"]): card for card in made}


def draw_trouble(job: Job) -> None:
    """What went wrong, whether it cost money, what the system does next, what a person can do."""
    charge = money.charge(job)
    trouble = told_trouble(job, charge)
    if trouble is None:
        return
    rest = text.plain(join_sentences(charge.words, trouble.next_step))
    message = f"**{text.plain(trouble.message or 'No reason was given.')}**  \n{rest}"
    match job.state:
        case JobState.FAILED:
            st.error(message, icon=":material/error:")
        case JobState.HELD:
            st.warning(message, icon=":material/pan_tool:")
        case JobState.CANCELLED:
            st.info(message, icon=":material/block:")
        case _:
            st.warning(message, icon=":material/build:")
    if trouble.detail is not None and trouble.code not in OF_OUTPUTS:
        with st.expander("Technical detail", icon=":material/terminal:", key=f"detail-{job.id}"):
            kept = trouble.as_json()
            st.json({name: kept[name] for name in ("code", "at", "detail")})


def draw_output(job: Job) -> None:
    """What came of a take whose end could not be understood, for a person to read; nothing for any other."""
    if not job.result or not (job.state == JobState.HELD or named_by_hand(job)):
        return
    with st.container(border=True, key="output", gap="small"):
        st.markdown(":material/data_object: **What was received**")
        st.json(job.result, expanded=3)


def history_rows(history: Sequence[History]) -> list[HistoryRow]:
    """A take's history, as rows of `components.draw_history`."""
    return [_history_row(event, text.LOOKS[JobState(event.state)]) for event in history]


def _history_row(event: History, look: text.Look) -> HistoryRow:
    return {
        "at_ms": live_cards.milliseconds(event.at), "word": look.word, "icon": look.icon, "tone": look.tone,
        "what": event_words(event.event), "who": event.by, "note": event.note or "",
    }  # fmt: skip


def moment_row(label: str, moment: datetime | None, value: str = "") -> FactRow:
    """A row of `components.draw_facts` that tells a moment."""
    return {
        "label": label,
        "at_ms": live_cards.milliseconds(moment) if moment else None,
        "value": value or ("" if moment else "–"),
    }
