"""Names that takes and deeds stand under: nobody has another's, and some are nobody's."""

from backend.services.access import FORMER_LOCAL_NAME
from backend.services.deps import Deps

#: Held by whoever gives a name that takes may stand under: no two get the same.
NAMES_LOCK = "team:names"
#: Names of what is no person, in lower case: takes and deeds would seem to be its own.
RESERVED_NAMES = frozenset({FORMER_LOCAL_NAME, "worker", "local", "system", "admin", "root"})


def is_reserved(deps: Deps, name: str) -> bool:
    """Would deeds under this name seem to be the program's own, or of whoever sits at this machine?"""
    return name.lower() in RESERVED_NAMES | {deps.settings.local_name.lower()}
