"""The ledger of one take: what was reserved, billed and given back."""

from collections.abc import Sequence

from backend.models import LedgerEntry
from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.gallery.takes import get_take
from backend.store.money import ledger


def ledger_entries(deps: Deps, viewer: Viewer, job_id: str) -> Sequence[LedgerEntry]:
    """The ledger of one take, oldest first.

    Raises:
        NotFound: there is none with that id that this viewer may see.
    """
    get_take(deps, viewer, job_id)
    with deps.store.read() as session:
        return ledger.of_job(session, job_id)
