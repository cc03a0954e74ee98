"""fal's own catalogue: every video endpoint with its schema, and every price; all of it, or an error.

Source: fal platform API, "GET /v1/models" (expand=openapi-3.0) and "GET /v1/models/pricing".
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import httpx

from backend.domain.errors import CatalogUnread
from backend.providers import fal_answers

#: The kinds of endpoint that make videos.
CATEGORIES = ("text-to-video", "image-to-video", "video-to-video")
#: Endpoints a page; each carries a whole schema.
PAGE = 50
#: Prices are asked for by name, at most this many at a time.
PRICES_AT_ONCE = 50
#: More pages than this in one list mean that its cursor runs in circles.
MOST_PAGES = 400

#: Asks for one page: (path, query) -> the answer.
Ask = Callable[[str, Sequence[tuple[str, str]]], httpx.Response]


def read(ask: Ask, *, told: Callable[[str], None]) -> list[dict[str, Any]]:
    """Every entry on offer, in the shape that `catalog.model_from` reads.

    ask: makes one call to the platform API. told: is given a line of progress now and then.

    Raises:
        CatalogUnread: a call failed or an answer can't be read; names which.
    """
    found: dict[str, dict[str, Any]] = {}
    for category in CATEGORIES:
        for item in _pages(
            ask, "/v1/models", [("category", category), ("expand", "openapi-3.0"), ("limit", str(PAGE))]
        ):
            entry = _entry(item, category)
            found[entry["endpoint_id"]] = entry
        told(f"{category}: {len(found)} endpoints so far")
    prices = _prices(ask, list(found), told)
    return [{**entry, "price": prices.get(name)} for name, entry in sorted(found.items())]


def _pages(ask: Ask, path: str, query: list[tuple[str, str]]) -> Iterator[Mapping[str, Any]]:
    """Every item of a list that comes in pages."""
    cursor: str | None = None
    for _ in range(MOST_PAGES):
        page = _answer(ask, path, [*query, ("cursor", cursor)] if cursor else query)
        items = page.get("models", page.get("items"))
        if not isinstance(items, list):
            raise CatalogUnread(f"{path} answered without a list of models")
        for item in items:
            if not isinstance(item, Mapping) or not isinstance(item.get("endpoint_id"), str):
                raise CatalogUnread(f"{path} lists something that is no model")
            yield item
        cursor = page.get("next_cursor")
        if not cursor or page.get("has_more") is False:
            return
        if not isinstance(cursor, str):
            raise CatalogUnread(f"{path} gave a cursor that can't be used")
    raise CatalogUnread(f"{path} never comes to its last page")


def _prices(ask: Ask, names: list[str], told: Callable[[str], None]) -> dict[str, dict[str, Any]]:
    """endpoint id -> {unit, unit_usd}, for those that have a price in dollars."""
    prices: dict[str, dict[str, Any]] = {}
    for start in range(0, len(names), PRICES_AT_ONCE):
        batch = names[start : start + PRICES_AT_ONCE]
        page = _answer(ask, "/v1/models/pricing", [("endpoint_id", name) for name in batch])
        listed = page.get("prices", page.get("items"))
        if not isinstance(listed, list):
            raise CatalogUnread("/v1/models/pricing answered without a list of prices")
        for item in listed:
            if isinstance(item, Mapping) and str(item.get("currency", "USD")).upper() == "USD":
                prices[str(item.get("endpoint_id"))] = {
                    "unit": item.get("unit"),
                    "unit_usd": item.get("unit_price"),
                }
        told(f"prices: {min(start + PRICES_AT_ONCE, len(names))} of {len(names)}")
    return prices


def _answer(ask: Ask, path: str, query: Sequence[tuple[str, str]]) -> Mapping[str, Any]:
    try:
        response = ask(path, query)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise CatalogUnread(f"{path} could not be asked ({type(error).__name__})") from error
    page = fal_answers.parsed(response.content)
    if response.status_code != 200:
        said = fal_answers.reason(page)
        raise CatalogUnread(f"{path} answered {response.status_code}" + (f": {said}" if said else ""))
    if not isinstance(page, Mapping):
        raise CatalogUnread(f"{path} answered with something that can't be read")
    return page


def _entry(item: Mapping[str, Any], category: str) -> dict[str, Any]:
    about = item.get("metadata")
    about = about if isinstance(about, Mapping) else {}
    return {
        "endpoint_id": item["endpoint_id"],
        "title": about.get("display_name") or item["endpoint_id"],
        "category": about.get("category") or category,
        "description": about.get("description") or "",
        "status": about.get("status", "active"),
        "typical_s": _seconds(about.get("duration_estimate")),
        **_schema(item.get("openapi")),
    }


def _schema(document: Any) -> dict[str, Any]:
    """The input's schema and what it refers to. What is missing makes the model unusable, nothing else."""
    components = document.get("components") if isinstance(document, Mapping) else None
    schemas = components.get("schemas") if isinstance(components, Mapping) else None
    if not isinstance(schemas, Mapping):
        return {"input": None}
    name = _posted(document) or next((name for name in schemas if name.endswith("Input")), None)
    if name is None:
        return {"input": None}
    return {"input": {"$ref": f"#/components/schemas/{name}"}, "components": components}


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
