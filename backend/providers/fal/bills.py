"""What fal charged, request by request: its billing events, which an ADMIN key reads.

Source: fal platform API, "GET /v1/models/billing-events": `end` is exclusive; 90 days and 10,000 events a
page at the most; `cost_total` is the charge after discounts (USD), `cost_estimate_nano_usd` the same in nano.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from backend.catalogue.pricing.bill import read_amount
from backend.domain.errors import CatalogueUnavailable, ProviderBusy
from backend.providers.base import BillEvent
from backend.providers.fal.listing_pages import FetchPage, PageReader, PageRefused

PATH = "/v1/models/billing-events"
PAGE_SIZE = 1000
#: No request costs more (USD): an event that says so can't be read.
MAX_USD = 1e6
REFUSED_TEXT = (
    "fal does not take our ADMIN key for its billing events: give it an ADMIN key of the same account."
)


def read_bills(
    fetch_page: FetchPage,
    *,
    since: datetime,
    until: datetime,
    sleep: Callable[[float], None],
) -> list[BillEvent]:
    """What was charged from `since` until `until`, exclusive; what names no request is passed over.

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
    if not isinstance(request_id, str):
        return None
    units = read_amount(item.get("output_units"))
    known = usd if usd is not None and usd <= MAX_USD else None
    return BillEvent(request_id, str(item.get("endpoint_id") or ""), units, known)


def _cost_usd(item: Mapping[str, Any]) -> float | None:
    if item.get("cost_total") is not None:
        total = read_amount(item["cost_total"])
        return None if total is None else round(total, 6)
    if item.get("cost_estimate_nano_usd") is not None:
        nano = item["cost_estimate_nano_usd"]
        is_number = isinstance(nano, int | float) and not isinstance(nano, bool)
        return round(nano / 1e9, 6) if is_number and 0 <= nano <= MAX_USD * 1e9 else None
    units, price = read_amount(item.get("output_units")), read_amount(item.get("unit_price"))
    discount = read_amount(item.get("percent_discount") or 0)
    if units is None or price is None or discount is None or discount > 100:
        return None
    return round(units * price * (1 - discount / 100), 6)
