"""The form as somebody left it: it survives a reload, another browser and a new program."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from backend.domain.access.roles import Do
from backend.domain.shape import load_json
from backend.models import Draft
from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.takes.request import TakeRequest, parse_request
from backend.store.library import drafts

#: A form with the longest prompt fits; whatever is larger is none.
DRAFT_MAX_BYTES = 256 * 1024


@dataclass(frozen=True)
class KeptForm:
    """What somebody's form held, and when."""

    request: TakeRequest
    changed_at: datetime


def get_draft(deps: Deps, viewer: Viewer) -> KeptForm | None:
    """What this viewer's form held; None: nothing is kept."""
    viewer.must(Do.START)
    with deps.store.read() as session:
        found = drafts.newest(session, viewer.owner_names)
    return None if found is None else KeptForm(parse_request(found.form), found.changed_at)


def save_draft(deps: Deps, viewer: Viewer, form: Mapping[str, Any]) -> datetime | None:
    """Keep what this viewer's form holds, in place of what it held; when, or None: it can't be kept.

    form: as `parse_request` reads it; it need not be complete or right.
    """
    viewer.must(Do.START)
    text = json.dumps(dict(form), default=str, ensure_ascii=False)
    kept = text.encode(errors="replace").decode()
    if len(text) > DRAFT_MAX_BYTES or kept != text or "\\u0000" in text:
        return None  # what a database can't hold can't be sent either, and the form says so
    now = deps.clock.now()
    with deps.store.begin() as session:
        drafts.put(session, Draft(owner=viewer.name, form=load_json(text), changed_at=now))
    return now


def clear_draft(deps: Deps, viewer: Viewer) -> None:
    """Forget what this viewer's form held."""
    viewer.must(Do.START)
    with deps.store.begin() as session:
        drafts.delete(session, viewer.owner_names)
