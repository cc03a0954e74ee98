"""fal's listing in every odd shape: what spoils one model, and what spoils the whole catalogue."""

import json
import math
from itertools import count

import httpx
import pytest

from backend.catalogue.check_params import check_params
from backend.catalogue.models import Catalogue, parse_model
from backend.domain.errors import CatalogueUnavailable
from backend.providers.fal import listing, listing_pages
from backend.providers.fal.listing_pages import PageAnswer

TEXT = {"type": "string"}
INPUT = {"type": "object", "properties": {"prompt": TEXT}}


def listed(name, schema=INPUT, **about):
    """One model as the listing has it."""
    document = {"components": {"schemas": {"ThingInput": schema}}}
    return {"endpoint_id": name, "metadata": {"display_name": name, **about}, "openapi": document}


def page(*names, **more):
    return {"models": [listed(name) for name in names], **more}


def endless(number):
    return page("a/one", next_cursor=str(number + 1))


class Fal:
    """A platform API. pages: number -> text-to-video's; prices: names -> theirs; first: what comes before.

    An answer is JSON, or what a `PageAnswer` is made of; an exception is raised.
    """

    def __init__(self, *pages, prices=lambda names: {"prices": []}, first=()):
        self.pages = pages[0] if pages and callable(pages[0]) else (pages or [page("a/one")]).__getitem__
        self.prices, self.first = prices, list(first)
        self.asked, self.lines, self.waits = 0, [], []

    def ask(self, path, query):
        self.asked += 1
        answer = self.first.pop(0) if self.first else self.answer(path, query)
        if isinstance(answer, Exception):
            raise answer
        return PageAnswer(*answer if isinstance(answer, tuple) else (200, json.dumps(answer).encode()))

    def answer(self, path, query):
        if path.endswith("pricing"):
            return self.prices([value for name, value in query if name == "endpoint_id"])
        if ("category", "text-to-video") not in query:
            return {"models": []}
        return self.pages(int(dict(query).get("cursor", "0")))

    def read(self):
        """The models by name; `asked`, `lines` and `waits` tell of the way to them."""
        entries = listing.read_catalogue(self.ask, on_progress=self.lines.append, sleep=self.waits.append)
        return {entry["endpoint_id"]: parse_model(entry) for entry in entries}

    def fails(self, why):
        with pytest.raises(CatalogueUnavailable, match=why) as caught:
            self.read()
        assert "/v1/models" in str(caught.value)


def read_one(schema=INPUT, name="a/b", **about):
    """What becomes of this model."""
    return Fal({"models": [listed(name, schema, **about)]}).read()[name]


def test_every_page_is_read_and_an_endpoint_that_comes_twice_counts_once():
    newer = {"models": [listed("a/two", display_name="Newer"), listed("a/three")], "next_cursor": None}
    found = Fal(page("a/one", "a/two", next_cursor="1", has_more=True), newer).read()
    assert sorted(found) == ["a/one", "a/three", "a/two"]
    assert found["a/two"].title == "Newer"


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ((200, b"<html>Be right back</html>"), "can't be read"),
        ((200, b"[" * 501 + b"]" * 501), "can't be read"),
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
def test_a_page_that_cannot_be_read_spoils_the_whole_catalogue_and_is_named(answer, why):
    Fal(answer).fails(why)
    if isinstance(answer, tuple):
        Fal(prices=lambda names: answer).fails(f"/v1/models/pricing.* {why}")


@pytest.mark.parametrize(
    ("pages", "asked"),
    [([endless], listing_pages.MAX_PAGES), ([page("a/1", next_cursor="1"), page("a/2", next_cursor="1")], 2)],
    ids=["endless", "in a circle"],
)
def test_a_listing_without_an_end_is_given_up(pages, asked):
    fal = Fal(*pages)
    fal.fails("last page")
    assert fal.asked == asked


def deep(levels):
    return {"anyOf": [deep(levels - 1)]} if levels else TEXT


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
        *((listed(name), "the model's id can't be part of an address") for name in (
            "../admin", "a/../b", "a//b", "a b", "/a", "a/", "a?x=1", "a" * 300, ".")),
    ],
    ids=lambda value: value["endpoint_id"][:9] if isinstance(value, dict) else None,
)  # fmt: skip
def test_an_odd_model_is_listed_as_unusable_and_spoils_no_other(item, why):
    found = Fal({"models": [listed("a/good"), item]}).read()
    assert found["a/good"].usable
    assert not found[item["endpoint_id"]].usable
    assert why in str(found[item["endpoint_id"]].reason)


def test_titles_and_descriptions_are_one_line_of_a_sensible_length():
    odd = read_one(display_name=" \u202eA\n title\0 ", description="word " * 10_000, category=["x"])
    none = Fal({"models": [{**listed("a/none"), "metadata": "nothing"}]}).read()["a/none"]
    assert (odd.title, odd.category, none.title) == ("A title", "text-to-video", "a/none")
    assert len(odd.description) <= listing.ABOUT_CHARS


def test_models_of_one_name_get_titles_of_their_own():
    """One of another name is left alone, also where its title is made to look like another one's."""
    titles = {
        "k/v3/pro/text-to-video": "Kling (pro/text-to-video)", "w/one": "Wan",
        "a/x/y": "K (a/x/y)", "a/z/y": "K (z)", "b/c": "K (x)",
    }  # fmt: skip
    shown = {**{name: title.partition(" (")[0] for name, title in titles.items()}, "b/c": "K (x)"}
    shown |= dict.fromkeys(("k/v3/lite/text-to-video", "k/v3/lite/text-to-video/fast"), "Kling")
    pages = {"models": [listed(name, display_name=title) for name, title in shown.items()]}
    catalogue = Catalogue(Fal(pages).read().values())
    found = {model.id: model.title for model in catalogue.search()}
    assert len({title.casefold() for title in found.values()}) == len(shown)
    assert {name: found[name] for name in titles} == titles
    assert {name: catalogue.get(name).title for name in found} == found


def test_a_price_in_another_currency_or_shape_is_no_price_and_the_model_stays_and_says_why():
    good = {"unit_price": 1, "unit": "videos"}
    prices = {"a/euro": {**good, "currency": "EUR"}, "a/odd": {"unit_price": [], "unit": {}}, "a/good": good}
    prices |= {"a/text": {**good, "unit_price": "1"}, "a/nan": {**good, "unit_price": math.nan}}
    prices |= {"a/nothing": {**good, "unit_price": 0}}
    prices |= {"a/placeholder": {"unit": "compute seconds", "unit_price": 0.00017}}
    told = [{"endpoint_id": name, **price} for name, price in prices.items()]
    found = Fal(page(*prices), prices=lambda names: {"prices": told}).read()
    assert all(model.usable for model in found.values())
    assert {name for name, model in found.items() if model.price} == {"a/good"}
    assert found["a/euro"].price_note.endswith("refused: it is in EUR, not in dollars.")
    for name in ("a/odd", "a/text", "a/nan"):
        assert "its unit or its amount can't be read" in found[name].price_note
    assert found["a/good"].price_note is None


def test_limits_as_openapi_3_0_writes_them_are_understood():
    number = {"minimum": 0, "exclusiveMinimum": True, "maximum": 9, "exclusiveMaximum": False}
    model = read_one({"properties": {"scale": {"type": "number", **number}}})
    assert model.usable, model.reason
    assert "params.scale" in check_params(model, {"scale": 0})
    assert check_params(model, {"scale": 9}) == {}


# -- when fal has no time -------------------------------------------------------------------------


def test_fal_is_asked_again_after_as_long_as_it_says():
    fal = Fal(first=[(429, b"slow down", 2.5), (503, b""), httpx.RemoteProtocolError("gone")])
    assert list(fal.read()) == ["a/one"]
    assert fal.waits == [1.0, 1.0, 0.5, 1.0, 1.0, 1.0]
    assert "/v1/models answered 429; asked again in 2 s" in fal.lines


@pytest.mark.parametrize(
    ("trouble", "asked", "said"),
    [
        *((trouble, 1 + listing_pages.MAX_RETRIES, said) for trouble, said in (
            ((429, b"", 0.0), "answered 429"), ((500, b""), "answered 500"),
            (httpx.ConnectError("refused"), r"could not be asked \(ConnectError\)"))),
        # These will not change, and so long nobody waits.
        *(((status, b""), 1, f"answered {status}") for status in (400, 401, 403, 404, 302)),
        ((429, b"", 3600.0), 1, "answered 429"),
    ],
    ids=str,
)  # fmt: skip
def test_asking_again_comes_to_an_end_and_is_not_begun_in_vain(trouble, asked, said):
    fal = Fal(first=[trouble] * 99)
    fal.fails(said)
    assert fal.asked == asked
    assert asked > 1 or fal.waits == []


def test_all_waits_of_a_refresh_together_come_to_an_end():
    turn = count()
    fal = Fal(lambda number: endless(number) if next(turn) % 2 else (429, b"", 50.0))
    fal.fails("answered 429")
    assert sum(fal.waits) == listing_pages.TOTAL_WAIT_MAX_S


def test_a_wait_can_be_stopped():
    def told(line):
        if "again in 8 s" in line:
            raise InterruptedError

    fal = Fal(first=[(429, b"", 10.0)])
    with pytest.raises(InterruptedError):
        listing.read_catalogue(fal.ask, on_progress=told, sleep=fal.waits.append)
    assert fal.waits == [1.0, 1.0]


# -- names whose price is refused -----------------------------------------------------------------


def refusing(unknown, status=404):
    """Prices that are refused to every batch with one of these names in it."""

    def prices(names):
        if set(unknown) & set(names):
            return status, b'{"error": {"type": "not_found", "message": "No such endpoint"}}'
        return {"prices": [{"endpoint_id": name, "unit": "second", "unit_price": 0.1} for name in names]}

    return prices


def test_one_name_whose_price_is_refused_costs_no_other_its_price():
    names, unknown = [f"a/m{n:02}" for n in range(30)], {"a/m07", "a/m29"}
    found = Fal(page(*names), prices=refusing(unknown)).read()
    assert {name for name, model in found.items() if model.price is None} == unknown
    assert {name for name, model in found.items() if model.price_note == listing.NO_PRICE_NOTE} == unknown


def test_a_refusal_of_the_whole_call_or_of_all_names_is_not_taken_for_one_of_its_names():
    Fal(page("a/one", "a/two"), prices=refusing(["a/one"], 403)).fails("answered 403")
    names = [f"a/m{n:03}" for n in range(400)]
    fal = Fal(page(*names), prices=refusing(names))
    fal.fails("answered 404")
    assert fal.asked < listing.MAX_SPLITS + 50
