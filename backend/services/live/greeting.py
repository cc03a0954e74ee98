"""What a page is told when it begins to listen, or comes back: everything that it shows, as it is now."""

import json
from collections.abc import Sequence

from backend.domain.access.roles import Do
from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.gallery import takes as gallery
from backend.services.live.cards import cards_json
from backend.services.live.feed import message_text, open_counts
from backend.store.jobs import changes, counts

#: New takes are counted up to this, among so many moves.
MADE_MAX, MADE_LINES = 100, 20_000


def newest_move(deps: Deps) -> int:
    """The id of the newest move of any take: pages ask for it before they read what they draw."""
    with deps.store.read() as session:
        return counts.last_transition_id(session)


def greet(deps: Deps, viewer: Viewer, *, since: int, ids: Sequence[str]) -> str:
    """The first message: the takes with these ids that the viewer may see, and which were made since.

    since: `newest_move`, as it was when the page was drawn, or what the last message said. Nothing has to be
    kept for those who were away.
    """
    viewer.must(Do.SEE)
    at = newest_move(deps)
    with deps.store.read() as session:
        made = changes.made_since(
            session, since, owners=viewer.visible_names, lines=MADE_LINES, limit=MADE_MAX
        )
        by_state = counts.by_state(
            session,
            states=gallery.OPEN_STATES,
            limit=gallery.COUNT_LIMIT,
            owners=viewer.visible_names,
        )
    takes = [take for take in gallery.load_takes(deps, ids) if viewer.may_see(take.job.owner)]
    cards = cards_json(deps, viewer, takes, deps.clock.now())
    told = {"at": at, "made": made, "counts": open_counts(by_state)}
    return message_text(told, [json.dumps(card) for card in cards])
