"""What the wall of takes is given to begin with; the rest it asks for by itself."""

from urllib.parse import urlencode

import streamlit as st

from backend.domain.access.roles import Do
from backend.services.access import Viewer
from backend.services.gallery.takes import TakePage
from pages.ui.library import fields
from pages.ui.library.address import Asked
from pages.ui.takes import cards

#: So many takes come with the page itself; more than a large screen shows at once.
FIRST_TAKES = 48
#: What the wall asks whether somebody may do it, by the names that it uses.
RIGHTS = {"rate": Do.RATE, "change": Do.CHANGE_OWN, "approve": Do.APPROVE, "organise": Do.ORGANISE,
          "experiment": Do.EXPERIMENT}  # fmt: skip


def wall_data(viewer: Viewer, asked: Asked, page: TakePage, *, newest_move: int) -> dict[str, object]:
    """What `components.draw_wall` draws: this first page of what an address asks for.

    newest_move: as it was before that was read; what came later is pushed.
    """
    return {
        "takes": list(cards.cards_of(page.items).values()),
        "newest_move": newest_move,
        "next_cursor": page.next_cursor,
        "query": urlencode(asked.pairs),
        "me": who_looks(viewer),
        "size": st.session_state[fields.key("size")],
        "sort": asked.wanted.sort,
        "blind": st.session_state[fields.key("blind")],
        "trashed": asked.wanted.trashed,
    }


def who_looks(viewer: Viewer) -> dict[str, object]:
    """The viewer, as the wall knows them."""
    may = [name for name, do in RIGHTS.items() if viewer.may(do)]
    return {"name": viewer.name, "role": viewer.role, "may": may}
