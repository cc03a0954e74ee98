"""fal's listing in every odd shape: what spoils one model, and what spoils the whole catalogue."""

import json
from collections.abc import Sequence
from typing import Any

import httpx
import pytest

from backend.catalogue.models import Catalogue, VideoModel, parse_model
from backend.domain.errors import CatalogueUnavailable
from backend.providers.fal import listing, listing_pages
from backend.providers.fal.listing_pages import PageAnswer

INPUT = {"type": "object", "properties": {"prompt": {"type": "string"}}}


def listed(name: str, schema: Any = INPUT, **about: Any) -> dict[str, Any]:
    """One model as the listing has it."""
    document = {"components": {"schemas": {"ThingInput": schema}}}
    return {"endpoint_id": name, "metadata": {"display_name": name, **about}, "openapi": document}


class Fal:
    """A platform API that answers what it is told to. pages: text-to-video's; a tuple is status and body."""

    def __init__(self, *pages: Any, prices: Any = None) -> None:
        self.pages, self.prices = pages, prices or []
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.lines: list[str] = []
        self.waits: list[float] = []

    def ask(self, path: str, query: Sequence[tuple[str, str]]) -> PageAnswer:
        asked = dict(query)
        self.asked.append((path, asked))
        if path.endswith("pricing"):
            answer = self.prices if isinstance(self.prices, tuple) else {"prices": self.prices}
        elif asked["category"] != "text-to-video":
            answer = {"models": []}
        else:
            answer = self.pages[int(asked.get("cursor", "0"))]
        return (
            PageAnswer(*answer) if isinstance(answer, tuple) else PageAnswer(200, json.dumps(answer).encode())
        )

    def read(self) -> dict[str, VideoModel]:
        entries = listing.read_catalogue(self.ask, on_progress=self.lines.append, sleep=self.waits.append)
        return {entry["endpoint_id"]: parse_model(entry) for entry in entries}


def test_every_page_is_read_and_an_endpoint_that_comes_twice_counts_once():
    one = {"models": [listed("a/one"), listed("a/two")], "next_cursor": "1", "has_more": True}
    two = {"models": [listed("a/two", display_name="Newer"), listed("a/three")], "next_cursor": None}

    found = Fal(one, two).read()

    assert sorted(found) == ["a/one", "a/three", "a/two"]
    assert found["a/two"].title == "Newer"


@pytest.mark.parametrize(
    ("page", "why"),
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
        ({"models": [listed("a/one")], "next_cursor": "0"}, "last page"),
        ({"models": [listed("a/one")], "next_cursor": {"a": 1}}, "not where"),
        ({"models": [listed("a/one")], "next_cursor": None, "has_more": True}, "not where"),
        ({"models": []}, "no video model at all"),
    ],
)
def test_a_page_that_cannot_be_read_spoils_the_whole_catalogue_and_is_named(page: Any, why: str):
    with pytest.raises(CatalogueUnavailable, match=why) as caught:
        Fal(page).read()
    assert "/v1/models" in str(caught.value)


def test_a_listing_without_an_end_is_given_up():
    class Endless(Fal):
        def ask(self, path: str, query: Sequence[tuple[str, str]]) -> PageAnswer:
            self.asked.append((path, dict(query)))
            page = {"models": [listed("a/one")], "next_cursor": f"c{len(self.asked)}"}
            return PageAnswer(200, json.dumps(page).encode())

    fal = Endless()
    with pytest.raises(CatalogueUnavailable, match="last page"):
        fal.read()
    assert len(fal.asked) == listing_pages.MAX_PAGES


def test_a_listing_that_runs_in_a_circle_is_given_up_after_one_round():
    one = {"models": [listed("a/one")], "next_cursor": "1"}
    two = {"models": [listed("a/two")], "next_cursor": "1"}
    fal = Fal(one, two)

    with pytest.raises(CatalogueUnavailable, match="last page"):
        fal.read()
    assert len(fal.asked) == 2


def test_a_failure_at_the_prices_spoils_the_whole_catalogue():
    with pytest.raises(CatalogueUnavailable, match=r"/v1/models/pricing answered 500"):
        Fal({"models": [listed("a/one")]}, prices=(500, b"")).read()


def test_nobody_there_is_said():
    def refused(path: str, query: Sequence[tuple[str, str]]) -> PageAnswer:
        raise httpx.ConnectError("refused")

    with pytest.raises(CatalogueUnavailable, match=r"could not be asked \(ConnectError\)"):
        listing.read_catalogue(refused, on_progress=lambda line: None, sleep=lambda seconds: None)


def deep(levels: int) -> Any:
    schema: Any = {"type": "string"}
    for _ in range(levels):
        schema = {"anyOf": [schema]}
    return {"properties": {"prompt": schema}}


@pytest.mark.parametrize(
    ("item", "why"),
    [
        ({**listed("a/odd"), "openapi": {"error": "no document"}}, "no schema"),
        ({**listed("a/odd"), "openapi": None}, "no schema"),
        ({**listed("a/odd"), "openapi": {"components": {"schemas": []}}}, "no schema"),
        ({**listed("a/odd"), "openapi": {"components": {"schemas": {"Thing": INPUT}}}}, "no schema"),
        (listed("a/odd", deep(200)), "too large"),
        (listed("a/odd", {"properties": {"prompt": {"type": "string", "title": "\ud800"}}}), "no text"),
        (listed("a/odd", {"properties": {"prompt": {"type": "string", "default": "\0"}}}), "no text"),
        (listed("a/odd", status="deprecated"), "lists this model as deprecated"),
        (listed("a/odd", status={"a": 1}), "lists this model as"),
    ],
)
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


def test_two_models_of_one_name_get_titles_of_their_own():
    names = ("k/v3/pro/text-to-video", "k/v3/lite/text-to-video", "k/v3/lite/text-to-video/fast", "w/one")
    models = [listed(name, display_name="Kling" if name[0] == "k" else "Wan") for name in names]

    catalogue = Catalogue(Fal({"models": models}).read().values())
    titles = {model.id: model.title for model in catalogue.search()}

    assert len({title.casefold() for title in titles.values()}) == 4
    assert titles["w/one"] == "Wan"
    assert titles["k/v3/pro/text-to-video"] == "Kling (pro/text-to-video)"
    assert catalogue.get("k/v3/pro/text-to-video").title == "Kling (pro/text-to-video)"


def test_titles_differ_even_where_one_is_made_to_look_like_another():
    trap = {"a/x/y": "K", "a/z/y": "K", "b/c": "K (x)"}
    models = [listed(name, display_name=title) for name, title in trap.items()]

    titles = [model.title for model in Catalogue(Fal({"models": models}).read().values()).search()]

    assert sorted(titles) == ["K (a/x/y)", "K (x)", "K (z)"]


@pytest.mark.parametrize(
    "price",
    [
        {"unit_price": "0.14", "unit": "second"},
        {"unit_price": None, "unit": "second"},
        {"unit_price": -1, "unit": "second"},
        {"unit_price": 0.14, "unit": None},
        {"unit_price": 0.14, "unit": "second", "currency": "EUR"},
        {"unit_price": [], "unit": {}},
    ],
)
def test_a_price_that_cannot_be_read_is_no_price_and_the_model_stays(price: dict[str, Any]):
    prices = [{"endpoint_id": "a/odd", **price}, {"endpoint_id": "a/good", "unit_price": 1, "unit": "videos"}]

    found = Fal({"models": [listed("a/odd"), listed("a/good")]}, prices=prices).read()

    assert (found["a/odd"].price, found["a/odd"].usable) == (None, True)
    assert found["a/good"].price is not None
    assert found["a/good"].price.unit == "video"


@pytest.mark.parametrize("name", ["../admin", "a/../b", "a//b", "a b", "/a", "a/", "a?x=1", "a" * 300, "."])
def test_an_id_that_is_no_part_of_an_address_is_unusable(name: str):
    model = Fal({"models": [listed(name)]}).read()[name]

    assert (model.usable, model.reason) == (False, "the model's id can't be part of an address")


def test_limits_as_openapi_3_0_writes_them_are_understood():
    from backend.catalogue.check_params import check_params

    number = {
        "type": "number",
        "minimum": 0,
        "exclusiveMinimum": True,
        "maximum": 9,
        "exclusiveMaximum": False,
    }
    model = Fal({"models": [listed("a/b", {"properties": {"scale": number}})]}).read()["a/b"]

    assert model.usable, model.reason
    assert "params.scale" in check_params(model, {"scale": 0})
    assert check_params(model, {"scale": 9}) == {}


# -- when fal has no time -------------------------------------------------------------------------


class Busy(Fal):
    """Answers with these first, whatever is asked."""

    def __init__(self, *first: Any, pages: Any = None, **more: Any) -> None:
        super().__init__(*(pages or [{"models": [listed("a/one")]}]), **more)
        self.first = list(first)

    def ask(self, path: str, query: Sequence[tuple[str, str]]) -> PageAnswer:
        if not self.first:
            return super().ask(path, query)
        self.asked.append((path, dict(query)))
        answer = self.first.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return PageAnswer(*answer)


def test_fal_is_asked_again_after_as_long_as_it_says():
    fal = Busy((429, b"slow down", 2.5), (503, b""), httpx.RemoteProtocolError("gone"))
    assert list(fal.read()) == ["a/one"]
    assert fal.waits == [1.0, 1.0, 0.5, 1.0, 1.0, 1.0]
    assert "/v1/models answered 429; asked again in 2 s" in fal.lines


@pytest.mark.parametrize("trouble", [(429, b"", 0.0), (500, b""), httpx.ConnectError("refused")])
def test_asking_again_comes_to_an_end(trouble: Any):
    fal = Busy(*[trouble] * 99)
    with pytest.raises(CatalogueUnavailable):
        fal.read()
    assert len(fal.asked) == 1 + listing_pages.MAX_RETRIES


@pytest.mark.parametrize("status", [400, 401, 403, 404, 302])
def test_an_answer_that_will_not_change_is_not_asked_for_again(status: int):
    fal = Busy(*[(status, b"")] * 99)
    with pytest.raises(CatalogueUnavailable, match=f"answered {status}"):
        fal.read()
    assert len(fal.asked) == 1


def test_a_longer_wait_than_anybody_waits_is_not_begun():
    fal = Busy((429, b"", 3600.0))
    with pytest.raises(CatalogueUnavailable, match="answered 429"):
        fal.read()
    assert fal.waits == []


def test_all_waits_of_a_refresh_together_come_to_an_end():
    many = [{"models": [listed(f"a/m{n}")], "next_cursor": str(n + 1)} for n in range(20)]

    class Slow(Fal):
        def ask(self, path: str, query: Sequence[tuple[str, str]]) -> PageAnswer:
            again = len(self.asked) % 2
            answer = super().ask(path, query)
            return answer if again else PageAnswer(429, b"", 50.0)

    fal = Slow(*many)
    with pytest.raises(CatalogueUnavailable, match="answered 429"):
        fal.read()
    assert sum(fal.waits) == listing_pages.TOTAL_WAIT_MAX_S


def test_a_wait_can_be_stopped():
    class Stopped(Exception):
        pass

    def told(line: str) -> None:
        if "again in 8 s" in line:
            raise Stopped

    waits: list[float] = []
    with pytest.raises(Stopped):
        listing.read_catalogue(Busy((429, b"", 10.0)).ask, on_progress=told, sleep=waits.append)
    assert waits == [1.0, 1.0]


class Unsure(Fal):
    """Refuses every batch of prices with one of these names in it."""

    def __init__(self, names: list[str], unknown: set[str], status: int = 404) -> None:
        super().__init__({"models": [listed(name) for name in names]})
        self.unknown, self.status = unknown, status

    def ask(self, path: str, query: Sequence[tuple[str, str]]) -> PageAnswer:
        if not path.endswith("pricing"):
            return super().ask(path, query)
        self.asked.append((path, dict(query)))
        names = [value for name, value in query if name == "endpoint_id"]
        if self.unknown & set(names):
            return PageAnswer(self.status, b'{"error": {"type": "not_found", "message": "No such endpoint"}}')
        prices = [{"endpoint_id": name, "unit": "second", "unit_price": 0.1} for name in names]
        return PageAnswer(200, json.dumps({"prices": prices}).encode())


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
