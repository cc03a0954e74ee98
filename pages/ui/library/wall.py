"""What the wall of takes is given to begin with; the rest it asks for by itself."""

from urllib.parse import urlencode

import streamlit as st

from backend.domain.access.roles import Do
from backend.domain.take_filter import TakeFilter
from backend.services.access import Viewer
from backend.services.gallery.takes import TakePage
from pages.ui.takes import cards

#: What the wall asks whether somebody may do it, by the names that it uses.
RIGHTS = {"rate": Do.RATE, "change": Do.CHANGE_OWN, "approve": Do.APPROVE, "organise": Do.ORGANISE}


def wall_data(viewer: Viewer, wanted: TakeFilter, page: TakePage, *, at: str | None) -> dict[str, object]:
    """What `components.draw_wall` draws. at: which page it is."""
    return {
        "takes": list(cards.cards_of(page.items).values()),
        "next_cursor": None,
        "query": urlencode({"at": str(hash((wanted, at)))}),
        "me": who_looks(viewer),
        "size": st.session_state.get("size") or "fit",
        "sort": wanted.sort,
        "blind": bool(st.session_state.get("blind")),
        "trashed": wanted.trashed,
    }


def who_looks(viewer: Viewer) -> dict[str, object]:
    """The viewer, as the wall knows them."""
    may = [name for name, do in RIGHTS.items() if viewer.may(do)]
    return {"name": viewer.name, "role": viewer.role, "may": may}
