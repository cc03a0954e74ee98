"""fal's own catalogue: every video endpoint with its schema, and every price; all of it, or an error.

Source: fal platform API, "GET /v1/models" (expand=openapi-3.0) and "GET /v1/models/pricing".
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from backend.catalogue.pricing.bill import read_price
from backend.domain.errors import CatalogueUnavailable
from backend.providers.fal.listing_pages import FetchPage, PageReader, PageRefused

#: The kinds of endpoint that make videos.
CATEGORIES = ("text-to-video", "image-to-video", "video-to-video")
#: Endpoints a page; each carries a whole schema.
PAGE_SIZE = 50
#: Prices are asked for by name, at most this many at a time.
PRICES_AT_ONCE = 50
PRICING_PATH = "/v1/models/pricing"
#: Answers to a batch that may be meant for one of its names.
UNKNOWN_NAME_STATUSES = frozenset({400, 404, 422})
#: So many further questions are asked to find whose price is refused; more mean that all of them are.
MAX_SPLITS = 200
#: No second of computing costs less (USD). Rows of 0.00003, 0.00007 and 0.00017 are seen at models that are
#: billed otherwise: taken for a price, a bill by them is a hundred times too low.
MIN_COMPUTE_USD = 0.0002
#: What is said of a model whose price is refused.
NO_PRICE_NOTE = "fal gave no price for it when it was asked."
#: What a listing says of a model is cut here (characters): a title is one line, a description a few.
TITLE_CHARS, ABOUT_CHARS = 120, 2000


def read_catalogue(
    fetch_page: FetchPage, *, on_progress: Callable[[str], None], sleep: Callable[[float], None] = time.sleep
) -> list[dict[str, Any]]:
    """Every entry on offer, in the shape that `catalogue.models.parse_model` reads.

    fetch_page: makes one call to the platform API. on_progress: is given a line with every page and wait.

    Raises:
        CatalogueUnavailable: a call failed or an answer can't be read; names which.
    """
    found: dict[str, dict[str, Any]] = {}
    pages = PageReader(fetch_page, on_progress, sleep=sleep)
    for category in CATEGORIES:
        query = [("category", category), ("expand", "openapi-3.0"), ("limit", str(PAGE_SIZE))]
        for page in pages.iter_pages("/v1/models", query, ("models", "items")):
            for item in page:
                entry = _entry(item, category)
                found[entry["endpoint_id"]] = entry
            on_progress(f"{category}: {len(found):,} endpoints so far")
    if not found:
        raise CatalogueUnavailable("/v1/models lists no video model at all")
    prices = _priced(pages, list(found), on_progress)
    notes = {**dict.fromkeys(prices.refused, NO_PRICE_NOTE), **prices.unreadable}
    return [
        {**entry, "price": prices.found.get(name), "price_note": notes.get(name)}
        for name, entry in sorted(found.items())
    ]


def _priced(pages: PageReader, names: list[str], told: Callable[[str], None]) -> "_Prices":
    """The prices of these endpoints, in dollars, and who has none."""
    prices = _Prices(pages)
    for start in range(0, len(names), PRICES_AT_ONCE):
        prices.ask_for(names[start : start + PRICES_AT_ONCE])
        told(f"prices: {min(start + PRICES_AT_ONCE, len(names)):,} of {len(names):,}")
    return prices


class _Prices:
    """The prices of many endpoints: where a batch is refused for one of them, the others' are still had."""

    def __init__(self, pages: PageReader) -> None:
        self._pages = pages
        self._halves = 0
        self.found: dict[str, dict[str, Any]] = {}
        self.refused: list[str] = []
        self.unreadable: dict[str, str] = {}

    def ask_for(self, names: Sequence[str]) -> None:
        """Ask for these; a batch that is refused as a whole is asked for in halves."""
        query = [("endpoint_id", name) for name in names]
        try:
            pages = self._pages.iter_pages(PRICING_PATH, query, ("prices", "items"))
            items = [item for page in pages for item in page]
        except PageRefused as error:
            self._in_halves(names, error)
            return
        for item in items:
            name, price = item["endpoint_id"], {"unit": item.get("unit"), "unit_usd": item.get("unit_price")}
            if fault := _price_fault(item, price):
                self.unreadable[name] = f"fal's newest price for it was refused: {fault}."
            else:
                self.found[name] = price

    def _in_halves(self, names: Sequence[str], error: PageRefused) -> None:
        if error.status not in UNKNOWN_NAME_STATUSES:
            raise error
        if len(names) == 1:
            self.refused.append(names[0])
            return
        self._halves += 2
        if self._halves > MAX_SPLITS:
            raise error
        middle = len(names) // 2
        self.ask_for(names[:middle])
        self.ask_for(names[middle:])


def _price_fault(item: Mapping[str, Any], price: Mapping[str, Any]) -> str | None:
    """Why a row of the price list is no price in dollars, or None."""
    currency = item.get("currency", "USD")
    if not isinstance(currency, str) or currency.upper() != "USD":
        return f"it is in {_line(currency, 10) or 'an unknown currency'}, not in dollars"
    known = read_price(price)
    if known is None:
        return "its unit or its amount can't be read"
    if known.unit_usd == 0:
        return "it is $0, and nothing is billed so"
    if known.unit.startswith("compute ") and known.unit_usd < MIN_COMPUTE_USD:
        return "it stands in for a price that is not listed"
    return None


def _entry(item: Mapping[str, Any], category: str) -> dict[str, Any]:
    about = item.get("metadata")
    about = about if isinstance(about, Mapping) else {}
    return {
        "endpoint_id": item["endpoint_id"],
        "title": _line(about.get("display_name"), TITLE_CHARS) or item["endpoint_id"],
        "category": _line(about.get("category"), TITLE_CHARS) or category,
        "description": _line(about.get("description"), ABOUT_CHARS),
        "status": about.get("status", "active"),
        "typical_s": _seconds(about.get("duration_estimate")),
        **_schema(item.get("openapi")),
    }


def _line(value: Any, chars: int) -> str:
    """A text on one line, without characters that hide or turn it; "" for what is no text."""
    if not isinstance(value, str):
        return ""
    kept = "".join(char if char.isprintable() else " " for char in value[: 4 * chars])
    line = " ".join(kept.split())
    return line if len(line) <= chars else line[: chars - 1].rstrip() + "…"


def _schema(document: Any) -> dict[str, Any]:
    """The schemas of input and output and what they refer to; without the first a model is unusable."""
    components = document.get("components") if isinstance(document, Mapping) else None
    schemas = components.get("schemas") if isinstance(components, Mapping) else None
    if not isinstance(schemas, Mapping):
        return {"input": None}
    name = _posted(document) or next((name for name in schemas if name.endswith("Input")), None)
    if name is None:
        return {"input": None}
    output = next((name for name in schemas if name.endswith("Output")), None)
    return {
        "input": {"$ref": f"#/components/schemas/{name}"},
        "output": {"$ref": f"#/components/schemas/{output}"} if output else None,
        "components": components,
    }


def _posted(document: Mapping[str, Any]) -> str | None:
    """The schema that the document's POST takes, by name."""
    paths = document.get("paths")
    for path in paths.values() if isinstance(paths, Mapping) else ():
        try:
            reference = path["post"]["requestBody"]["content"]["application/json"]["schema"]["$ref"]
        except (KeyError, TypeError):
            continue
        if isinstance(reference, str) and reference.startswith("#/components/schemas/"):
            return reference.rsplit("/", 1)[-1]
    return None


def _seconds(minutes: Any) -> float | None:
    """The rendering time that fal expects, which it states in minutes."""
    if isinstance(minutes, bool) or not isinstance(minutes, int | float) or not 0 < minutes < 600:
        return None
    return float(minutes) * 60
