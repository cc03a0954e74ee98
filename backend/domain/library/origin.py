"""That a take was made from another one, and how."""

from typing import NamedTuple

from backend.domain.library.review import OriginHow


class Origin(NamedTuple):
    """The other take of the two, and how the one was made from the other."""

    take: str  #: its id
    how: OriginHow
