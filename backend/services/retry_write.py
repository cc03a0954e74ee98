"""What only this process knows is written down, even if the database has to be waited for."""

import logging
from collections.abc import Callable

from backend.domain.errors import StoreUnavailable
from backend.services.deps import Deps

log = logging.getLogger(__name__)

#: How long a fact is worth holding on to: longer than a server needs to start again or to fail over.
RETRY_FOR_S = 300.0
#: Between two attempts.
FIRST_WAIT_S, WAIT_CAP_S = 0.2, 2.0


def retry_write(deps: Deps, write: Callable[[], None]) -> None:
    """Write it; while the database is away, again and again.

    For what a provider answered and would not answer again: a receipt, a result, a refusal. `write`
    opens its own transaction, and may be done twice.

    Raises:
        StoreUnavailable: it is still away after `RETRY_FOR_S`, or this worker has to stop.
    """
    wait_s, until_s = FIRST_WAIT_S, deps.clock.monotonic() + RETRY_FOR_S
    while True:
        try:
            return write()
        except StoreUnavailable as error:
            log.warning("kept in hand while the database is away", extra={"why": error.why[:300]})
            if deps.clock.monotonic() > until_s or deps.stopping.wait(wait_s):
                raise
            wait_s = min(WAIT_CAP_S, wait_s * 2)
