"""What takes meet just now that whoever runs Dailies can do something about, each once, with what to do."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from backend.domain.trouble import Trouble
from backend.services.deps import Deps
from backend.store.jobs import counts


@dataclass(frozen=True)
class MetTrouble:
    """One trouble. message: what the newest take says; remedy: what to do. takes: how many meet it, counted
    up to some hundreds; job_id: the newest of them.
    """

    message: str
    remedy: str
    takes: int
    job_id: str


def list_troubles(deps: Deps) -> Sequence[MetTrouble]:
    """The troubles of takes that have not ended, those of most takes first."""
    found: dict[str, MetTrouble] = {}
    with deps.store.read() as session:
        troubled = counts.list_troubled(session)
    for job_id, kept in troubled:
        trouble = Trouble.of(kept)
        if trouble is None or not trouble.remedy:
            continue
        known = found.get(trouble.remedy)
        if known is None:
            found[trouble.remedy] = MetTrouble(trouble.message, trouble.remedy, 1, job_id)
        else:
            found[trouble.remedy] = replace(known, takes=known.takes + 1)
    return sorted(found.values(), key=lambda each: -each.takes)
