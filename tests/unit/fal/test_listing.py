"""fal's listing in every odd shape: what spoils one model, and what spoils the whole catalogue."""

import json
from collections.abc import Sequence
from typing import Any

import httpx
import pytest

from backend.catalogue.check_params import check_params
from backend.catalogue.models import Catalogue, VideoModel, parse_model
from backend.domain.errors import CatalogueUnavailable
from backend.providers.fal import listing, listing_pages
from backend.providers.fal.listing_pages import PageAnswer

INPUT = {"type": "object", "properties": {"prompt": {"type": "string"}}}


def listed(name: str, schema: Any = INPUT, **about: Any) -> dict[str, Any]:
    """One model as the listing has it."""
    document = {"components": {"schemas": {"ThingInput": schema}}}
    return {"endpoint_id": name, "metadata": {"display_name": name, **about}, "openapi": document}


def page(*names: str, **more: Any) -> dict[str, Any]:
    return {"models": [listed(name) for name in names], **more}


class Fal:
    """A platform API that answers what it is told to. pages: text-to-video's; a tuple is status and body.

    first: the answers to the first questions, whatever they are; an exception is raised.
    """

    def __init__(self, *pages: Any, prices: Any = None, first: Sequence[Any] = ()) -> None:
        self.pages, self.prices, self.first = pages or [page("a/one")], prices or [], list(first)
        self.asked: list[tuple[str, list[tuple[str, str]]]] = []
        self.lines: list[str] = []
        self.waits: list[float] = []

    def ask(self, path: str, query: Sequence[tuple[str, str]]) -> PageAnswer:
        self.asked.append((path, list(query)))
        if self.first:
            answer = self.first.pop(0)
        elif path.endswith("pricing"):
            answer = self.priced([value for name, value in query if name == "endpoint_id"])
        elif ("category", "text-to-video") not in query:
            answer = {"models": []}
        else:
            answer = self.page(int(dict(query).get("cursor", "0")))
        if isinstance(answer, Exception):
            raise answer
        return (
            PageAnswer(*answer) if isinstance(answer, tuple) else PageAnswer(200, json.dumps(answer).encode())
        )

    def page(self, number: int) -> Any:
        return self.pages[number]

    def priced(self, names: list[str]) -> Any:
        return self.prices if isinstance(self.prices, tuple) else {"prices": self.prices}

    def read(self) -> dict[str, VideoModel]:
        entries = listing.read_catalogue(self.ask, on_progress=self.lines.append, sleep=self.waits.append)
        return {entry["endpoint_id"]: parse_model(entry) for entry in entries}


def test_every_page_is_read_and_an_endpoint_that_comes_twice_counts_once():
    newer = {"models": [listed("a/two", display_name="Newer"), listed("a/three")], "next_cursor": None}

    found = Fal(page("a/one", "a/two", next_cursor="1", has_more=True), newer).read()

    assert sorted(found) == ["a/one", "a/three", "a/two"]
    assert found["a/two"].title == "Newer"


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ((200, b"<html>Be right back</html>"), "can't be read"),
        ((200, b"[" * 200_000), "can't be read"),
        ((200, b'{"models": [{"endpoint_id": "a'), "can't be read"),
        ((500, b'{"error": {"type": "server_error", "message": "We broke"}}'), "answered 500"),
        ((429, b"slow down"), "answered 429"),
        ((302, b""), "answered 302"),
        ([], "can't be read"),
        ({"models": None}, "without a list of models"),
        ({"models": ["a/one"]}, "names no model"),
        ({"models": [{"endpoint_id": 5}]}, "names no model"),
        (page("a/one", next_cursor="0"), "last page"),
        (page("a/one", next_cursor={"a": 1}), "not where"),
        (page("a/one", next_cursor=None, has_more=True), "not where"),
        (page(), "no video model at all"),
    ],
)
def test_a_page_that_cannot_be_read_spoils_the_whole_catalogue_and_is_named(answer: Any, why: str):
    with pytest.raises(CatalogueUnavailable, match=why) as caught:
        Fal(answer).read()
    assert "/v1/models" in str(caught.value)


class Endless(Fal):
    """Each page leads to another one."""

    def page(self, number: int) -> Any:
        return page("a/one", next_cursor=str(number + 1))


@pytest.mark.parametrize(
    ("fal", "asked"),
    [
        (Endless(), listing_pages.MAX_PAGES),
        (Fal(page("a/1", next_cursor="1"), page("a/2", next_cursor="1")), 2),
    ],
    ids=["endless", "in a circle"],
)
def test_a_listing_without_an_end_is_given_up(fal: Fal, asked: int):
    with pytest.raises(CatalogueUnavailable, match="last page"):
        fal.read()
    assert len(fal.asked) == asked


def test_a_failure_at_the_prices_spoils_the_whole_catalogue():
    with pytest.raises(CatalogueUnavailable, match=r"/v1/models/pricing answered 500"):
        Fal(prices=(500, b"")).read()


def deep(levels: int) -> Any:
    return {"anyOf": [deep(levels - 1)]} if levels else {"type": "string"}


TEXT = {"type": "string"}


@pytest.mark.parametrize(
    ("item", "why"),
    [
        *(({**listed("a/odd"), "openapi": document}, "no schema") for document in (
            None, {"error": "no document"}, {"components": {"schemas": []}},
            {"components": {"schemas": {"Thing": INPUT}}})),
        *((listed("a/odd", {"properties": {"prompt": prompt}}), why) for prompt, why in (
            (deep(200), "too large"), ({**TEXT, "title": "\ud800"}, "no text"),
            ({**TEXT, "default": "\0"}, "no text"))),
        (listed("a/odd", status="deprecated"), "lists this model as deprecated"),
        (listed("a/odd", status={"a": 1}), "lists this model as"),
    ],
)  # fmt: skip
def test_an_odd_model_is_listed_as_unusable_and_spoils_no_other(item: Any, why: str):
    found = Fal({"models": [listed("a/good"), item]}).read()

    assert found["a/good"].usable
    assert not found["a/odd"].usable
    assert why in str(found["a/odd"].reason)


def test_titles_and_descriptions_are_one_line_of_a_sensible_length():
    odd = listed("a/odd", display_name=" \u202eA\n title\0 ", description="word " * 10_000, category=["x"])
    none = {**listed("a/none"), "metadata": "nothing"}

    found = Fal({"models": [odd, none]}).read()

    assert (found["a/odd"].title, found["a/odd"].category) == ("A title", "text-to-video")
    assert len(found["a/odd"].description) <= listing.ABOUT_CHARS
    assert found["a/none"].title == "a/none"


@pytest.mark.parametrize(
    "models",
    [
        {
            "k/v3/pro/text-to-video": ("Kling", "Kling (pro/text-to-video)"),
            "k/v3/lite/text-to-video": ("Kling", None),
            "k/v3/lite/text-to-video/fast": ("Kling", None),
            "w/one": ("Wan", "Wan"),
        },
        # A title that is made to look like another one's.
        {"a/x/y": ("K", "K (a/x/y)"), "a/z/y": ("K", "K (z)"), "b/c": ("K (x)", "K (x)")},
    ],
)
def test_models_of_one_name_get_titles_of_their_own(models: dict[str, tuple[str, str | None]]):
    pages = {"models": [listed(name, display_name=title) for name, (title, _) in models.items()]}

    catalogue = Catalogue(Fal(pages).read().values())
    titles = {model.id: model.title for model in catalogue.search()}

    assert len({title.casefold() for title in titles.values()}) == len(models)
    for name, (_, title) in models.items():
        assert title is None or titles[name] == catalogue.get(name).title == title


@pytest.mark.parametrize(
    "price",
    [
        *({"unit": "second", "unit_price": value} for value in ("0.14", None, -1)),
        {"unit_price": 0.14, "unit": None},
        {"unit_price": 0.14, "unit": "second", "currency": "EUR"},
        {"unit_price": [], "unit": {}},
    ],
)
def test_a_price_that_cannot_be_read_is_no_price_and_the_model_stays(price: dict[str, Any]):
    prices = [{"endpoint_id": "a/odd", **price}, {"endpoint_id": "a/good", "unit_price": 1, "unit": "videos"}]

    found = Fal(page("a/odd", "a/good"), prices=prices).read()

    assert (found["a/odd"].price, found["a/odd"].usable) == (None, True)
    assert found["a/good"].price is not None
    assert found["a/good"].price.unit == "video"


@pytest.mark.parametrize("name", ["../admin", "a/../b", "a//b", "a b", "/a", "a/", "a?x=1", "a" * 300, "."])
def test_an_id_that_is_no_part_of_an_address_is_unusable(name: str):
    model = Fal(page(name)).read()[name]

    assert (model.usable, model.reason) == (False, "the model's id can't be part of an address")


def test_limits_as_openapi_3_0_writes_them_are_understood():
    number = {"minimum": 0, "exclusiveMinimum": True, "maximum": 9, "exclusiveMaximum": False}
    schema = {"properties": {"scale": {"type": "number", **number}}}
    model = Fal({"models": [listed("a/b", schema)]}).read()["a/b"]

    assert model.usable, model.reason
    assert "params.scale" in check_params(model, {"scale": 0})
    assert check_params(model, {"scale": 9}) == {}


# -- when fal has no time -------------------------------------------------------------------------


def test_fal_is_asked_again_after_as_long_as_it_says():
    fal = Fal(first=[(429, b"slow down", 2.5), (503, b""), httpx.RemoteProtocolError("gone")])
    assert list(fal.read()) == ["a/one"]
    assert fal.waits == [1.0, 1.0, 0.5, 1.0, 1.0, 1.0]
    assert "/v1/models answered 429; asked again in 2 s" in fal.lines


REFUSED = httpx.ConnectError("refused")


@pytest.mark.parametrize(
    ("trouble", "asked", "said"),
    [
        *((trouble, 1 + listing_pages.MAX_RETRIES, said) for trouble, said in (
            ((429, b"", 0.0), "answered 429"), ((500, b""), "answered 500"),
            (REFUSED, r"could not be asked \(ConnectError\)"))),
        # These will not change, and so long nobody waits.
        *(((status, b""), 1, f"answered {status}") for status in (400, 401, 403, 404, 302)),
        ((429, b"", 3600.0), 1, "answered 429"),
    ],
    ids=str,
)  # fmt: skip
def test_asking_again_comes_to_an_end_and_is_not_begun_in_vain(trouble: Any, asked: int, said: str):
    fal = Fal(first=[trouble] * 99)
    with pytest.raises(CatalogueUnavailable, match=said):
        fal.read()
    assert len(fal.asked) == asked
    assert asked > 1 or fal.waits == []


def test_all_waits_of_a_refresh_together_come_to_an_end():
    class Slow(Endless):
        def ask(self, path: str, query: Sequence[tuple[str, str]]) -> PageAnswer:
            again = len(self.asked) % 2
            answer = super().ask(path, query)
            return answer if again else PageAnswer(429, b"", 50.0)

    fal = Slow()
    with pytest.raises(CatalogueUnavailable, match="answered 429"):
        fal.read()
    assert sum(fal.waits) == listing_pages.TOTAL_WAIT_MAX_S


def test_a_wait_can_be_stopped():
    class Stopped(Exception):
        pass

    def told(line: str) -> None:
        if "again in 8 s" in line:
            raise Stopped

    fal = Fal(first=[(429, b"", 10.0)])
    with pytest.raises(Stopped):
        listing.read_catalogue(fal.ask, on_progress=told, sleep=fal.waits.append)
    assert fal.waits == [1.0, 1.0]


class Unsure(Fal):
    """Refuses every batch of prices with one of these names in it."""

    def __init__(self, names: list[str], unknown: set[str], status: int = 404) -> None:
        super().__init__(page(*names))
        self.unknown, self.status = unknown, status

    def priced(self, names: list[str]) -> Any:
        if self.unknown & set(names):
            return self.status, b'{"error": {"type": "not_found", "message": "No such endpoint"}}'
        return {"prices": [{"endpoint_id": name, "unit": "second", "unit_price": 0.1} for name in names]}


def test_one_name_whose_price_is_refused_costs_no_other_its_price():
    names = [f"a/m{n:02}" for n in range(30)]
    found = Unsure(names, {"a/m07", "a/m29"}).read()
    unpriced = {name for name, model in found.items() if model.price is None}
    assert unpriced == {"a/m07", "a/m29"}
    assert {found[name].price_note for name in unpriced} == {listing.NO_PRICE_NOTE}
    assert found["a/m08"].price_note is None


def test_a_refusal_of_the_whole_call_is_not_taken_for_one_of_its_names():
    with pytest.raises(CatalogueUnavailable, match="answered 403"):
        Unsure(["a/one", "a/two"], {"a/one"}, status=403).read()


def test_a_fal_that_knows_no_name_at_all_is_not_asked_for_ever():
    names = [f"a/m{n:03}" for n in range(400)]
    fal = Unsure(names, set(names))
    with pytest.raises(CatalogueUnavailable, match="answered 404"):
        fal.read()
    assert len(fal.asked) < listing.MAX_SPLITS + 50
