"""The editor of a plan as somebody left it: it survives a reload, another browser and a new program."""

import json
from collections.abc import Mapping
from typing import Any

from backend.domain.access.roles import Do
from backend.domain.shape import load_json
from backend.models import PlanDraft
from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.store.experiments import plan_drafts

#: 5,000 rows of a file fit; whatever is larger is not kept.
DRAFT_MAX_BYTES = 4 * 1024 * 1024


def get_plan_draft(deps: Deps, viewer: Viewer) -> Mapping[str, Any] | None:
    """What this viewer's editor held; None: nothing is kept."""
    viewer.must(Do.EXPERIMENT)
    with deps.store.read() as session:
        found = plan_drafts.newest(session, viewer.owner_names)
    return None if found is None else found.form


def save_plan_draft(deps: Deps, viewer: Viewer, form: Mapping[str, Any]) -> bool:
    """Keep what this viewer's editor holds, in place of what it held; False: it can't be kept.

    form: it need not be a plan that can be made.
    """
    viewer.must(Do.EXPERIMENT)
    text = json.dumps(dict(form), default=str, ensure_ascii=False)
    kept = text.encode(errors="replace").decode()
    if len(text) > DRAFT_MAX_BYTES or kept != text or "\\u0000" in text:
        return False  # what a database can't hold can't be planned either, and the editor says so
    draft = PlanDraft(owner=viewer.name, form=load_json(text), changed_at=deps.clock.now())
    with deps.store.begin() as session:
        plan_drafts.put(session, draft)
    return True


def clear_plan_draft(deps: Deps, viewer: Viewer) -> None:
    """Forget what this viewer's editor held."""
    viewer.must(Do.EXPERIMENT)
    with deps.store.begin() as session:
        plan_drafts.delete(session, viewer.owner_names)
