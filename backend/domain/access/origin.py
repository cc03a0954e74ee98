"""By which way a deed came in, for what is remembered of it."""

from dataclasses import dataclass
from enum import StrEnum


class Via(StrEnum):
    """The way."""

    DASHBOARD = "dashboard"
    API = "api"
    CLI = "cli"
    SHARE = "share"
    WORKER = "worker"


@dataclass(frozen=True)
class Origin:
    """Where a call came from. address: the peer's, as far as it is known. request_id: that of the log."""

    via: Via = Via.DASHBOARD
    address: str | None = None
    request_id: str | None = None
