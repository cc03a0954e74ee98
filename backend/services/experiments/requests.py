"""What is asked for at the place of one take."""

from collections.abc import Mapping
from typing import Any

from backend.services.takes.request import TakeRequest, parse_request


def trial_request(cell: Mapping[str, Any], seed: int | None) -> TakeRequest:
    """The request of a cell's take with this seed; None: the request's own, if it has one."""
    if seed is None:
        return parse_request(cell)
    return parse_request({**cell, "params": {**(cell.get("params") or {}), "seed": seed}})


def trial_key(trial_id: str, attempt: int) -> str:
    """The idempotency key of the take at this place: a crash or a second worker makes no second one."""
    return f"trial:{trial_id}:{attempt}"
