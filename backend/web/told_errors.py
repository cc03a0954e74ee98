"""What is told of an error: one shape, for the API and for the dashboard's own calls."""

import math
from typing import Any

from backend.domain.errors import (
    BudgetExceeded,
    InvalidRequest,
    NotAllowed,
    RequestError,
    TooManyCalls,
)


def told_error(problem: RequestError) -> dict[str, Any]:
    """`{"error": {"code", "message", …}}`, with everything at fault by its name."""
    return error_json(problem.code, str(problem), **_more(problem))


def error_json(code: str, message: str, **more: Any) -> dict[str, Any]:
    """The one shape of an error."""
    return {"error": {"code": code, "message": message, **more}}


def error_headers(problem: RequestError) -> dict[str, str]:
    """What belongs into the headers of its answer."""
    if isinstance(problem, NotAllowed) and problem.challenge:
        return {"WWW-Authenticate": problem.challenge}
    if isinstance(problem, TooManyCalls):
        return {"Retry-After": str(math.ceil(problem.retry_after_s))}
    return {}


def _more(problem: RequestError) -> dict[str, Any]:
    if isinstance(problem, InvalidRequest):
        return {"fields": [{"field": name, "message": why} for name, why in problem.fields.items()]}
    if isinstance(problem, BudgetExceeded):
        return {
            "left_usd": round(problem.left_usd, 6), "counts_usd": round(problem.counts_usd, 6),
            "limit": problem.limit, "renews_at": problem.renews_at.isoformat(),
        }  # fmt: skip
    return {}
