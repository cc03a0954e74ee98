"""What fal charged, request by request: its billing events, which an ADMIN key reads.

Source: fal platform API, "GET /v1/models/billing-events": `end` is exclusive; 90 days and 10,000 events a
page at the most; `cost_total` is the charge after discounts (USD), `cost_estimate_nano_usd` the same in nano.
"""

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from backend.domain.errors import CatalogueUnavailable, ProviderBusy
from backend.providers.base import BillEvent
from backend.providers.fal.listing_pages import FetchPage, PageReader, PageRefused

PATH = "/v1/models/billing-events"
PAGE_SIZE = 1000
REFUSED_TEXT = (
    "fal does not take FAL_ADMIN_KEY for its billing events: give it an ADMIN key of the same account."
)


def read_bills(
    fetch_page: FetchPage,
    *,
    since: datetime,
    until: datetime,
    sleep: Callable[[float], None],
) -> list[BillEvent]:
    """What was charged from `since` until `until`, exclusive; what can't be read as a charge is passed over.

    Raises:
        ProviderBusy: a call failed, or the key is refused; what was read until then is not told.
    """
    start, end = (moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") for moment in (since, until))
    query = [("start", start), ("end", end), ("limit", str(PAGE_SIZE))]
    pages = PageReader(fetch_page, lambda line: None, sleep=sleep)
    try:
        found = [_event(item) for page in pages.iter_pages(PATH, query, ("billing_events",)) for item in page]
    except PageRefused as error:
        refused = error.status in (401, 403)
        raise ProviderBusy(REFUSED_TEXT if refused else str(error), code=f"http_{error.status}") from error
    except CatalogueUnavailable as error:
        raise ProviderBusy(str(error), code="busy") from error
    return [event for event in found if event is not None]


def _event(item: Mapping[str, Any]) -> BillEvent | None:
    request_id, usd = item.get("request_id"), _cost_usd(item)
    if not isinstance(request_id, str) or usd is None:
        return None
    return BillEvent(request_id, str(item.get("endpoint_id") or ""), _amount(item.get("output_units")), usd)


def _cost_usd(item: Mapping[str, Any]) -> float | None:
    total, nano = _amount(item.get("cost_total")), _amount(item.get("cost_estimate_nano_usd"))
    if total is not None:
        return round(total, 6)
    if nano is not None:
        return round(nano / 1e9, 6)
    units, price = _amount(item.get("output_units")), _amount(item.get("unit_price"))
    if units is None or price is None:
        return None
    return round(units * price * (1 - (_amount(item.get("percent_discount")) or 0.0) / 100), 6)


def _amount(value: Any) -> float | None:
    """A finite number that is not negative, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) and value >= 0 else None
