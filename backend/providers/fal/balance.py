"""What is left on fal's account, which an ADMIN key reads.

Source: fal platform API, "GET /v1/account/billing": `credits` (with `expand=credits` alone) holds
`current_balance` and `currency`; an answer without `credits` is no balance of zero.
"""

import math
from typing import Any

import httpx

from backend.domain.errors import ProviderBusy
from backend.http.httpx_transport import name_error
from backend.providers.answer_body import parse_json
from backend.providers.fal.listing_pages import FetchPage

PATH = "/v1/account/billing"
#: No account holds, or owes, more (USD): what says so can't be read.
MAX_USD = 1e9
REFUSED_TEXT = "fal does not take our ADMIN key for its balance: give it an ADMIN key of the same account."
UNREADABLE_TEXT = "fal's answer about the account names no balance in dollars that can be read."


def read_balance(fetch_page: FetchPage) -> float:
    """What is left (USD), by one question; below zero where something is owed.

    Raises:
        ProviderBusy: the call failed, the key is refused, or the answer can't be read.
    """
    try:
        answer = fetch_page(PATH, [("expand", "credits")])
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        why = f"fal could not be asked for the balance ({name_error(error)})."
        raise ProviderBusy(why, code="unreachable") from error
    if answer.status != 200:
        says = f"fal answered {answer.status} when asked for the balance."
        refused = answer.status in (401, 403)
        raise ProviderBusy(REFUSED_TEXT if refused else says, code=f"http_{answer.status}")
    told = parse_json(answer.body)
    usd = _dollars(told.get("credits")) if isinstance(told, dict) else None
    if usd is None:
        raise ProviderBusy(UNREADABLE_TEXT, code="unreadable")
    return usd


def _dollars(credit: Any) -> float | None:
    """An amount, also as text; None: none, no number, or in another currency (fal's own is the dollar)."""
    if not isinstance(credit, dict) or str(credit.get("currency") or "USD").strip().upper() != "USD":
        return None
    amount = credit.get("current_balance")
    if isinstance(amount, bool) or not isinstance(amount, int | float | str):
        return None
    try:
        usd = float(amount)
    except (ValueError, OverflowError):
        return None
    return round(usd, 6) if math.isfinite(usd) and abs(usd) <= MAX_USD else None
