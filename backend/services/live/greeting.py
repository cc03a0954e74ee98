"""What a page is told when it begins to listen, or comes back: everything that it shows, as it is now."""

import json
from collections.abc import Sequence

from backend.domain.access.roles import Do
from backend.domain.states import ENDINGS, JobEvent
from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.gallery import takes as gallery
from backend.services.live.cards import cards_json
from backend.services.live.feed import message_text, open_counts
from backend.store.jobs import changes, counts

#: New takes are counted up to the first; of those that ended meanwhile, so many are told of.
MADE_MAX, ENDED_MAX = 100, 20


def newest_move(deps: Deps) -> int:
    """The id of the newest move of any take: pages ask for it before they read what they draw."""
    return counts.query_last_transition_id(deps.store)


def greet(deps: Deps, viewer: Viewer, *, since: int, ids: Sequence[str]) -> str:
    """The first message: the takes with these ids that the viewer may see; what was made, or ended, since.

    since: `newest_move`, as it was when the page was drawn, or what the last message said. Nothing has to be
    kept for those who were away.
    """
    viewer.must(Do.SEE)
    at, names = newest_move(deps), viewer.visible_names
    with deps.store.read() as session:
        made = changes.takes_since(session, since, owners=names, events={JobEvent.CREATED}, limit=MADE_MAX)
        ended = changes.takes_since(session, since, owners=names, events=ENDINGS, limit=ENDED_MAX)
        states, limit = gallery.OPEN_STATES, gallery.COUNT_LIMIT
        by_state = counts.by_state(session, states=states, limit=limit, owners=names)
    wanted = list(dict.fromkeys([*ids, *ended]))
    takes = [take for take in gallery.load_takes(deps, wanted) if viewer.may_see(take.job.owner)]
    cards = cards_json(deps, viewer, takes, deps.clock.now())
    told = {"at": at, "made": made, "ended": ended, "counts": open_counts(by_state)}
    return message_text(told, [json.dumps(card) for card in cards])
