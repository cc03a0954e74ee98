"""Saved views: what the gallery's address asks for, under a name, for oneself or for the team."""

from collections.abc import Iterable, Sequence
from urllib.parse import parse_qsl, urlencode

from sqlmodel import Session

from backend.domain.access.roles import Do
from backend.domain.errors import InvalidRequest, NotAllowed, NotFound
from backend.domain.library.marks import fold_name
from backend.domain.text import clean_text, fault_in
from backend.models import SavedView
from backend.services.access import Viewer
from backend.services.audit.record import Action, record
from backend.services.deps import Deps
from backend.services.gallery.filter_query import parse_filter
from backend.store.library import views

#: A name is read in a list; more views than these nobody finds again.
NAME_MAX_CHARS, VIEWS_MAX = 60, 200
QUERY_MAX_CHARS = 4_000
#: What an address says besides: how takes are drawn.
DRAWN_BY = frozenset({"size", "blind"})


def list_views(deps: Deps, viewer: Viewer) -> Sequence[SavedView]:
    """This viewer's own and the team's, by name."""
    viewer.must(Do.SEE)
    with deps.store.read() as session:
        return views.list_visible(session, viewer.owner_names)


def save_view(
    deps: Deps, viewer: Viewer, name: str, pairs: Iterable[tuple[str, str]], *, shared: bool = False
) -> SavedView:
    """Keep filters and an order under a name, over what this viewer kept under it before.

    pairs: as in the gallery's address. shared: the whole team sees it.

    Raises:
        NotAllowed: the viewer may not, or not for the team.
        InvalidRequest: names every field at fault.
    """
    viewer.must(Do.ORGANISE if shared else Do.RATE)
    name, given = " ".join(clean_text(name).split()), [(key, text) for key, text in pairs if text]
    faults = _name_faults(name)
    try:
        parse_filter(
            deps, viewer, [(key, text) for key, text in given if key not in DRAWN_BY], old_links=True
        )
    except InvalidRequest as error:
        faults |= error.fields
    query = urlencode(given)
    if len(query) > QUERY_MAX_CHARS:
        faults["query"] = f"has {len(query):,} characters; at most {QUERY_MAX_CHARS:,} are kept"
    if faults:
        raise InvalidRequest(faults)
    view = SavedView(
        id=deps.clock.new_id(), owner=viewer.name, name=name, folded=fold_name(name), shared=shared,
        query=query, changed_at=deps.clock.now(),
    )  # fmt: skip
    with deps.store.begin() as session:
        if views.count_owned(session, viewer.name) >= VIEWS_MAX:
            raise InvalidRequest({"name": f"you have {VIEWS_MAX} saved views; delete one first"})
        kept = views.put_view(session, view)
        changed = {"name": (None, name), "shared": (None, shared)}
        record(
            session, deps, viewer, Action.VIEW_SAVED, object_type="view", object_id=kept.id, changed=changed
        )
        return kept


def rename_view(deps: Deps, viewer: Viewer, view_id: str, name: str) -> SavedView:
    """Give a saved view another name; what it asks for, and who sees it, stay.

    Raises:
        NotFound, NotAllowed: as `delete_view`.
        InvalidRequest: that is no name, or its owner has another view of that name.
    """
    viewer.must(Do.RATE)
    name = " ".join(clean_text(name).split())
    if faults := _name_faults(name):
        raise InvalidRequest(faults)
    with deps.store.begin() as session:
        view = _get_to_change(session, viewer, view_id)
        if not views.is_free(session, view, fold_name(name)):
            raise InvalidRequest({"name": f"there is another view that is called {name!r}"})
        changed = {"name": (view.name, name), "owner": (view.owner, view.owner)}
        view.name, view.folded, view.changed_at = name, fold_name(name), deps.clock.now()
        session.add(view)
        record(
            session, deps, viewer, Action.VIEW_SAVED, object_type="view", object_id=view_id, changed=changed
        )
        return view


def delete_view(deps: Deps, viewer: Viewer, view_id: str) -> None:
    """Delete a saved view; no take changes.

    Raises:
        NotFound: there is none with that id that this viewer may see.
        NotAllowed: it is a colleague's, and the viewer may not change what is others'.
    """
    viewer.must(Do.RATE)
    with deps.store.begin() as session:
        view = _get_to_change(session, viewer, view_id)
        views.delete_view(session, view_id)
        record(
            session, deps, viewer, Action.VIEW_DELETED, object_type="view", object_id=view_id,
            changed={"name": (view.name, None), "owner": (view.owner, None)},
        )  # fmt: skip


def _get_to_change(session: Session, viewer: Viewer, view_id: str) -> SavedView:
    view = views.get_view(session, view_id)
    if not viewer.owns(view.owner):
        if not view.shared:
            raise NotFound("There is no saved view with that id.")
        if not viewer.may(Do.CHANGE_OTHERS):
            why = f"{view.name!r} is {view.owner}'s; only they, a reviewer or an admin can change it."
            raise NotAllowed(why, status=403, deed=Do.CHANGE_OTHERS)
    return view


def pairs_of(view: SavedView) -> list[tuple[str, str]]:
    """The names and texts of a view, as the gallery's address has them."""
    return parse_qsl(view.query)


def _name_faults(name: str) -> dict[str, str]:
    if not name:
        return {"name": "is missing"}
    if len(name) > NAME_MAX_CHARS:
        return {"name": f"has {len(name)} characters; at most {NAME_MAX_CHARS} fit"}
    fault = fault_in(name)
    return {"name": fault} if fault else {}
