"""What came of a submit that brought no receipt: not sent, refused, turned away for now, or unknown.

Source: fal documentation, "Queue API", "Error handling", "Rate limits".
"""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from backend.domain import policy
from backend.domain.errors import ProviderRefused, ProviderUnanswered, ProviderUnsent
from backend.http.calls import HttpAnswer
from backend.providers.answer_body import excerpt_text, parse_json
from backend.providers.fal import answers

#: Answers that mean a definite no: nothing was accepted and nothing is paid.
REFUSAL_STATUSES = frozenset({400, 401, 403, 404, 413, 422})


def response_error(response: HttpAnswer) -> Exception:
    """What an answer that is no acceptance means.

    Source: fal documentation, "Error handling": an error answer issues no request id. Only a 5xx of
    some proxy in between leaves it open whether fal itself had accepted.
    """
    status, answer = response.status, parse_json(response.body)
    reason = answers.error_message(answer) or f"fal answered {status}"
    detail = excerpt_text(response.body)
    if status == 429:
        wait = retry_after_s(response.headers.get("Retry-After"))
        busy = f"fal takes no more requests just now: {reason}"
        return ProviderUnsent(busy, code="http_429", detail=detail, retry_after_s=wait)
    if status in REFUSAL_STATUSES:
        code = answers.error_type(answer) or f"http_{status}"
        return ProviderRefused(reason, code=code, detail=detail, pauses_provider=status in (401, 403))
    if status >= 500 and answers.is_fal_error(answer):
        return ProviderUnsent(reason, code=f"http_{status}", detail=detail, tries=policy.SERVER_ERROR_TRIES)
    unknown = f"Something between here and fal answered {status}. The take may have been accepted."
    return ProviderUnanswered(unknown, code=f"http_{status}", detail=detail)


def retry_after_s(value: str | None) -> float | None:
    """Seconds from a `Retry-After` header, which holds a number or a date."""
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds()
        except (TypeError, ValueError):
            return None
    return min(max(seconds, 0.0), policy.RETRY_AFTER_CAP_S) if seconds == seconds else None
