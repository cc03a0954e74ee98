"""The inbox of webhook deliveries: what came, what was made of it, and applying it again."""

from collections.abc import Mapping

import streamlit as st

from backend.domain.kinds import Verdict
from backend.domain.shape import load_json
from backend.models import Delivery
from backend.services.deps import Deps
from backend.services.operations import status
from pages.ui import context, text
from pages.ui.figures import tables
from pages.ui.takes import actions, cards

#: So many deliveries are listed at a time.
PAGE = 50
#: verdict -> how it is called, where that is not its name
_TITLES = {Verdict.ASKED: "Re-checked"}
#: verdict -> what it means
VERDICTS: dict[Verdict, str] = {
    Verdict.APPLIED: "it moved its take",
    Verdict.NO_EFFECT: "its take had moved on already",
    Verdict.ASKED: "not clear by itself; checked again at the provider",
    Verdict.STALE: "verified, but too old to act on; checked again at the provider",
    Verdict.UNREADABLE: "verified, but not readable; checked again at the provider",
    Verdict.CONFLICT: "another body under the same name; checked again at the provider",
    Verdict.ORPHAN: "ours, for a take that is not in this database",
}


def draw_deliveries(deps: Deps, counts: Mapping[str, int]) -> None:
    """The list, by verdict; the selected one in full."""
    if not counts:
        words = (
            "None yet."
            if deps.settings.webhooks_reach_us
            else "None: the provider can't reach us, so it is asked."
        )
        st.caption(words)
        return
    verdict = st.pills(
        "Verdict", sorted(counts), key="verdict", label_visibility="collapsed",
        format_func=lambda word: f"{text.plain(verdict_title(word))} · {counts[word]:,}",
    )  # fmt: skip
    found = status.list_deliveries(deps, context.viewer(), limit=PAGE, verdict=verdict)
    chosen = tables.draw_rows(
        [_row(item) for item in found], key="delivery-table", name="Webhook deliveries",
        ids=[item.id for item in found], height_px=340,
    )  # fmt: skip
    if chosen:
        _full(deps, chosen)
    else:
        st.caption("Select one to read it, or to apply it again.")


def verdict_title(verdict: str) -> str:
    """What was made of a delivery, in a word or two; one that only a newer program knows as it is."""
    known = _TITLES.get(Verdict(verdict)) if verdict in frozenset(Verdict) else None
    return known or verdict.replace("_", " ").capitalize()


def _row(item: Delivery) -> dict[str, object]:
    return {
        "Received": item.received_at,
        "Verdict": verdict_title(item.verdict),
        "Status": item.status,
        "Take": item.job_id,
        "Request": item.request_id,
        "Copies": item.copies,
        "Replays": item.replays,
    }


def _full(deps: Deps, delivery_id: str) -> None:
    item = status.get_delivery(deps, context.viewer(), delivery_id)
    with st.container(border=True, key=f"delivery-{item.id}"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{text.plain(verdict_title(item.verdict))}**: {VERDICTS[Verdict(item.verdict)]}")
            st.button(
                "Replay", key=f"replay-{item.id}", icon=":material/replay:",
                on_click=actions.replay_delivery, args=(item.id,),
                help="Applies it again, as if it had just come. Twice has one effect.",
            )  # fmt: skip
            st.page_link(
                cards.DETAIL,
                label="Open take",
                icon=":material/open_in_full:",
                query_params={"take": item.job_id},
            )
        body, headers = st.tabs(["Body", "Headers"])
        with body:
            try:
                st.json(load_json(item.body))
            except ValueError:
                st.code(item.body.decode("utf-8", "replace"), language=None, wrap_lines=True)
        headers.json({"job": item.job_id, "signed_at": item.signed_at.isoformat(), **item.headers})
