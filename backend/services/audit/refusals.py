"""What somebody was refused for their role or scopes is written down: once a minute for each thing."""

from contextlib import suppress
from datetime import timedelta

from sqlalchemy.exc import SQLAlchemyError

from backend.domain.access.actions import Action
from backend.domain.access.roles import Do
from backend.domain.errors import NotAllowed, StoreUnavailable
from backend.services.access import Viewer
from backend.services.audit.record import record
from backend.services.deps import Deps
from backend.store.team import audit
from backend.store.team.audit import AuditFilter

#: The same refusal of the same person is written down no sooner again.
AGAIN_AFTER = timedelta(minutes=1)
#: So many refusals are written down within that, of everybody.
REFUSALS_MAX = 60
#: Who looks changes nothing.
LOOKS = frozenset({Do.SEE, Do.ESTIMATE, Do.SEE_OPERATIONS, Do.SEE_BUDGETS_OF_OTHERS})


def record_refusal(deps: Deps, viewer: Viewer, refused: NotAllowed) -> None:
    """Write down what this viewer was not allowed to do, unless that was done just now.

    A refusal stays one where it can't be written down.
    """
    if refused.deed is None or refused.deed in LOOKS:
        return
    since = deps.clock.now() - AGAIN_AFTER
    action, same = Action.ACCESS_REFUSED, AuditFilter(since=since, actor=viewer.name, object_id=refused.deed)
    with suppress(StoreUnavailable, SQLAlchemyError), deps.store.begin() as session:
        if audit.list_entries(session, same, limit=1):
            return
        if audit.count_since(session, action, since, limit=REFUSALS_MAX) < REFUSALS_MAX:
            changed = {"role": (None, viewer.role), "lacking_scope": (None, refused.scope)}
            record(session, deps, viewer, action, object_type="deed", object_id=refused.deed, changed=changed)
