"""fal's own catalogue: every video endpoint with its schema, and every price; all of it, or an error.

Source: fal platform API, "GET /v1/models" (expand=openapi-3.0) and "GET /v1/models/pricing".
"""

import json
import math
import time
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
#: A page of 50 whole schemas has some 2 MB; a larger answer than this is a mistake or a trap.
ANSWER_MAX_BYTES = 48 * 1024 * 1024
#: An answer that drips is given up after this long, in seconds; a page comes within a few.
ANSWER_DEADLINE_S = 90.0
#: What a listing says of a model is cut here (characters): a title is one line, a description a few.
TITLE_CHARS, ABOUT_CHARS = 120, 2000

#: Asks for one page: (path, query) -> its status and its body.
Ask = Callable[[str, Sequence[tuple[str, str]]], tuple[int, bytes]]


def asking(client: httpx.Client, base: str) -> Ask:
    """Asks the platform API at `base` with this client, and reads no more than can be an answer.

    What it gives raises httpx.HTTPError, httpx.InvalidURL, and CatalogUnread for an answer without an end.
    """

    def ask(path: str, query: Sequence[tuple[str, str]]) -> tuple[int, bytes]:
        until_s = time.monotonic() + ANSWER_DEADLINE_S
        body = bytearray()
        with client.stream("GET", f"{base}{path}", params=list(query)) as response:
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > ANSWER_MAX_BYTES:
                    raise CatalogUnread(f"{path} answered with more than {ANSWER_MAX_BYTES >> 20} MiB")
                if time.monotonic() > until_s:
                    raise CatalogUnread(f"{path} did not come to an end in {ANSWER_DEADLINE_S:.0f} s")
        return response.status_code, bytes(body)

    return ask


def read(ask: Ask, *, told: Callable[[str], None]) -> list[dict[str, Any]]:
    """Every entry on offer, in the shape that `catalog.model_from` reads.

    ask: makes one call to the platform API. told: is given a line of progress with every page.

    Raises:
        CatalogUnread: a call failed or an answer can't be read; names which.
    """
    found: dict[str, dict[str, Any]] = {}
    for category in CATEGORIES:
        query = [("category", category), ("expand", "openapi-3.0"), ("limit", str(PAGE))]
        for page in _pages(ask, "/v1/models", query, ("models", "items")):
            for item in page:
                entry = _entry(item, category)
                found[entry["endpoint_id"]] = entry
            told(f"{category}: {len(found):,} endpoints so far")
    if not found:
        raise CatalogUnread("/v1/models lists no video model at all")
    prices = _prices(ask, list(found), told)
    return [{**entry, "price": prices.get(name)} for name, entry in sorted(found.items())]


def _pages(
    ask: Ask, path: str, query: list[tuple[str, str]], names: tuple[str, ...]
) -> Iterator[list[Mapping[str, Any]]]:
    """Every page of a list. names: under which of these its items stand."""
    cursor: str | None = None
    seen: set[str] = set()
    for _ in range(MOST_PAGES):
        page = _answer(ask, path, [*query, ("cursor", cursor)] if cursor else query)
        yield _items(path, page, names)
        cursor, more = page.get("next_cursor"), page.get("has_more")
        if more is False or (not cursor and more is not True):
            return
        if not isinstance(cursor, str) or not cursor:
            raise CatalogUnread(f"{path} says that there is more, and not where")
        if cursor in seen:
            break
        seen.add(cursor)
    raise CatalogUnread(f"{path} never comes to its last page")


def _items(path: str, page: Mapping[str, Any], names: tuple[str, ...]) -> list[Mapping[str, Any]]:
    items = next((page[name] for name in names if name in page), None)
    if not isinstance(items, list):
        raise CatalogUnread(f"{path} answered without a list of {names[0]}")
    for item in items:
        if not isinstance(item, Mapping) or not isinstance(item.get("endpoint_id"), str):
            raise CatalogUnread(f"{path} lists something that names no model")
    return items


def _prices(ask: Ask, names: list[str], told: Callable[[str], None]) -> dict[str, dict[str, Any]]:
    """endpoint id -> {unit, unit_usd}, for those that have a price in dollars."""
    prices: dict[str, dict[str, Any]] = {}
    for start in range(0, len(names), PRICES_AT_ONCE):
        query = [("endpoint_id", name) for name in names[start : start + PRICES_AT_ONCE]]
        for page in _pages(ask, "/v1/models/pricing", query, ("prices", "items")):
            for item in page:
                if str(item.get("currency", "USD")).upper() == "USD":
                    prices[item["endpoint_id"]] = {
                        "unit": item.get("unit"),
                        "unit_usd": item.get("unit_price"),
                    }
        told(f"prices: {min(start + PRICES_AT_ONCE, len(names)):,} of {len(names):,}")
    return prices


def _answer(ask: Ask, path: str, query: Sequence[tuple[str, str]]) -> Mapping[str, Any]:
    try:
        status, body = ask(path, query)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise CatalogUnread(f"{path} could not be asked ({type(error).__name__})") from error
    if status != 200:
        said = fal_answers.reason(fal_answers.parsed(body))
        raise CatalogUnread(f"{path} answered {status}" + (f": {said}" if said else ""))
    page = _parsed(body)
    if not isinstance(page, Mapping):
        raise CatalogUnread(f"{path} answered with something that can't be read")
    return page


def _parsed(body: bytes) -> Any:
    """The JSON value, or None. However deep: a schema that goes too deep spoils its own model only."""
    try:
        return json.loads(body, parse_constant=lambda _: None, parse_float=_finite)
    except (ValueError, RecursionError):
        return None


def _finite(text: str) -> float | None:
    value = float(text)
    return value if math.isfinite(value) else None


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
