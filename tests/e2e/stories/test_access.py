"""Every page in both lights, on a desk and on a phone: read, told apart, pressed with a finger, and heard."""

import csv
import re
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, Page, expect

from backend.models import Job, Video
from backend.services import access
from backend.services.access import Role, Viewer
from backend.services.audit.record import Action, record
from backend.services.experiments import plan_drafts
from backend.services.gallery.pictures import poster_key
from tests.adapters.decode.bars import BT601, bars
from tests.e2e.filled import fill, make_clips
from tests.e2e.installation import Installation
from tests.e2e.stories.between import Between
from tests.e2e.stories.test_browser import HOSTILE, OF_HOSTILE, Visit
from tests.e2e.stories.test_browser import browser as browser
from tests.services.receiving import WAY
from tests.viewers import LOCAL_VIEWER
from tests.waiting import eventually
from tests.world import World, picture

pytestmark = [pytest.mark.browser, pytest.mark.needs("chromium"), pytest.mark.xdist_group("browser")]

STATES = ("created", "queued", "running", "rendered", "held", "failed", "cancelled")
PAGES = (
    "/", "/gallery?q=dress", "/take?take={held}", "/take?take={failed}", "/compare?takes={held},{failed}",
    "/experiment", "/activity", "/spend", "/style", "/models", "/operations", "/account", "/people", "/audit",
)  # fmt: skip
DESK, PHONE = {"width": 1400, "height": 900}, {"width": 390, "height": 844}
#: What the kit draws as it does, whatever we give it: its rule, and the part of the page.
OF_THE_KIT = (("list", "stSidebarNav"), ("listitem", "emotion-cache"))
#: Of what stands in the page and can be seen, what is smaller than a finger (pixels).
TOO_SMALL = """least => {
    const small = [], seen = [document]
    for (const root of seen) for (const one of root.querySelectorAll("*")) {
        if (one.shadowRoot) seen.push(one.shadowRoot)
        if (!one.matches("button,a[href],select,summary,.seek,.cut,[role=tab],[role=checkbox],"
            + "[data-testid=stSlider] [role=group] > [data-orientation]")) continue
        if (one.closest("[data-testid=stSidebar], [data-testid=stSkipToContent], dialog")) continue
        const { width, height } = one.getBoundingClientRect(), looks = getComputedStyle(one)
        const inField = one.closest("[role=group]")?.querySelector("[role=combobox]")
        if (!width || !height || looks.visibility === "hidden" || looks.opacity === "0" || inField) continue
        if (Math.min(width, height) < least) small.push(`${one.outerHTML.slice(0, 90)} ${width}×${height}`)
    }
    return small
}"""
#: Marks the element in whose own tree the lightbox is; says whether it was found.
MARK_OVER = """() => {
    const seen = [document]
    for (const root of seen) for (const one of root.querySelectorAll("*")) {
        if (one.shadowRoot) seen.push(one.shadowRoot)
        if (one.matches("[data-testid=light]")) one.getRootNode().host.dataset.over = "1"
    }
}"""
_HOST = "document.querySelector('[data-over]').shadowRoot"
IN_LIGHT = TOO_SMALL.replace("seen = [document]", f"seen = [{_HOST}]").replace(", dialog", "")
OVER = {"include": [{"fromShadowDom": ["[data-over]", "[data-testid=light]"]}]}
FINGER_PX = 40
#: What axe finds wrong of this part of the page, or of all of it.
READ = "async ([part, options]) => (await axe.run(part ?? document, options)).violations"
TEN_BITS = [(4 * luma, 4 * blue, 4 * red) for luma, blue, red in BT601]
#: What may be otherwise in the other light, or on another size of the page.
OF_A_LIGHT = (
    "color-contrast",
    "button-name",
    "link-name",
    "label",
    "aria-hidden-focus",
    "nested-interactive",
)
#: What a plan varies that is not finished: written values and known ones.
LEVELS = [
    ("prompt", "A red dress"),
    ("prompt", "A {blue|green} dress"),
    ("params.duration", "5"),
    ("model", ""),
]
ERROR = {"code": "x", "message": "Too many requests", "charged": "maybe", "next": "It is tried again."}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Installation, dict[str, str]]]:
    """A dashboard over a take in every state, and their ids; nothing else runs."""
    with closing(Installation(tmp_path_factory.mktemp("access"), "http://127.0.0.1:9")) as installation:
        installation._put_database()
        with installation.deps() as deps:
            world, ids = World(deps, sim=None), {}
            for state in STATES:
                prompt = HOSTILE if state == "held" else f"A red dress that is {state}"
                job = world.ask(prompt, viewer=LOCAL_VIEWER)
                for event in WAY[state]:
                    world.advance(job, event, error=ERROR)
                ids[state] = job.id
            plan_drafts.save_plan_draft(deps, access.local_viewer(deps), {"levels": LEVELS})
        fill(installation, make_clips(tmp_path_factory.mktemp("clips")), 2)
        installation.dashboard()
        yield installation, ids


@pytest.fixture
def window(browser: Browser, made: Any) -> Iterator[Visit]:
    visit = Visit(browser, made[0], has_touch=True)
    yield visit
    visit.context.close()


def rendered(world: World, prompt: str) -> Job:
    job = world.ask(prompt, viewer=LOCAL_VIEWER)
    world.advance(job, *WAY["rendered"])
    return job


def faults(page: Page, *rules: str, of: Any = None) -> list[str]:
    """What axe finds serious or critical of what is ours. rules: these alone. of: this part of the page."""
    options = {"resultTypes": ["violations"], **({"runOnly": list(rules)} if rules else {})}
    if not page.evaluate("() => 'axe' in window"):  # half a megabyte comes into each page once
        page.evaluate(AXE_SCRIPT)
    found = page.evaluate(READ, [of, options])
    return [
        f"{fault['id']}: {node['html'][:160]} {(node['failureSummary'] or '')[:200]}"
        for fault in found
        if fault["impact"] in ("serious", "critical")
        for node in fault["nodes"]
        if not any(fault["id"] == rule and part in node["html"] for rule, part in OF_THE_KIT)
    ]


def test_every_page_opens_by_its_address_and_is_read_heard_and_pressed_in_both_lights_and_sizes(window, made):
    """Of a take whose prompt is full of markup, too: that is text."""
    page, wrong = window.page, {}
    for path in (*PAGES, "/gallery?state=failed", "/take?take=none"):
        page.emulate_media(color_scheme="light")
        page.set_viewport_size(DESK)
        window.open(path.format(**made[1]))
        if path in ("/gallery", "/take?take={held}"):
            expect(page.get_by_text(HOSTILE).first).to_be_visible()
        is_within_its_frame(page, path)
        if path not in PAGES:
            continue
        at_a_desk = faults(page)
        page.emulate_media(color_scheme="dark")
        page.set_viewport_size(PHONE)
        window.settle()
        too_wide = page.evaluate("() => document.documentElement.scrollWidth > innerWidth")
        on_a_phone = [
            *faults(page, *OF_A_LIGHT),
            *page.evaluate(TOO_SMALL, FINGER_PX),
            *["it is too wide"] * too_wide,
        ]
        if found := at_a_desk + on_a_phone:
            wrong[path] = found
    window.close()  # nothing was asked for that is not there
    assert not wrong, "\n".join(f"{path}: {one}" for path, found in wrong.items() for one in found)


def is_within_its_frame(page: Page, path: str) -> None:
    """The page that was asked for, the ways to the others beside it, and nothing of a prompt's markup."""
    for name in ("Generate", "Gallery", "Operations"):
        expect(page.get_by_role("link", name=re.compile(name)).first).to_be_visible()
    expect(page.get_by_test_id("stException")).to_have_count(0)
    expect(page.get_by_text("Page not found")).to_have_count(0)
    assert urlsplit(page.url).path == urlsplit(path).path
    for markup in OF_HOSTILE:
        assert page.locator(markup).count() == 0
    assert page.title() != "1"


def test_what_lies_over_the_wall_can_be_read_heard_and_pressed_as_well(window, made):
    """A take looked at closely, with its details and its keys, and two compared: in both lights and sizes."""
    rows = made[0].rows("SELECT id FROM job WHERE state = 'stored' ORDER BY id")
    stored, page, wrong = [row["id"] for row in rows], window.page, {}
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    for look, keys in (
        (f"take={stored[0]}", "ih"),
        (f"take={made[1]['held']}", "h"),
        (f"compare={','.join(stored)}", "w"),
    ):
        page.set_viewport_size(DESK)
        page.goto("about:blank")
        window.open(f"/gallery#{look}")
        expect(page.get_by_test_id("light")).to_be_visible()
        page.evaluate(MARK_OVER)
        for key in ("", *keys):
            if key:
                page.keyboard.press(key)
            for size in (DESK, PHONE):
                page.set_viewport_size(size)
                small = page.evaluate(IN_LIGHT, FINGER_PX) if size is PHONE else []
                if found := [*faults(page, of=OVER), *small]:
                    wrong[f"{look} {key} {size['width']}"] = found
    assert not wrong, "\n".join(f"{path}: {one}" for path, found in wrong.items() for one in found)


def test_a_table_is_sorted_by_what_it_says_used_by_keys_and_saved_without_formulas(window, made):
    with made[0].deps() as deps, deps.store.begin() as session:
        for micros in (50_000, 10_000_000, 4_500):
            audited = {"micros": micros, "changed": {"name": (None, "x")}}
            record(session, deps, Viewer("=1+1", Role.ADMIN), Action.MODELS_REFRESHED, **audited)
    page = window.open("/audit?actor=%3D1%2B1")
    table = page.get_by_test_id("table")
    rows, amount = table.locator("tbody tr"), table.get_by_role("button", name="Amount")

    newest_first = ["$0.0045", "$10.00", "$0.05"]

    def amounts() -> list[str]:
        return [row.locator("td").nth(4).inner_text() for row in rows.all()]

    expect(rows).to_have_count(3)
    assert amounts() == newest_first
    rising = ["$0.0045", "$0.05", "$10.00"]  # as words the first two stand the other way round
    orders = [rising, rising[::-1], newest_first]
    for order, told in zip(orders, ("ascending", "descending", None), strict=True):
        amount.press("Enter")
        assert (amounts(), amount.locator("xpath=..").get_attribute("aria-sort")) == (order, told)
    amount.press("Enter")
    rows.nth(0).focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press(" ")
    expect(page.get_by_test_id("stJson")).to_contain_text("50000")
    assert [row.get_attribute("aria-selected") for row in rows.all()] == ["false", "true", "false"]
    with page.expect_download() as saving:
        table.get_by_role("button", name="CSV").click()
    with open(saving.value.path(), newline="", encoding="utf-8") as file:
        saved = list(csv.DictReader(file))
    assert [row["Amount"] for row in saved] == ["0.0045", "0.05", "10"]
    assert {row["Who"] for row in saved} == {"'=1+1"}
    assert datetime.fromisoformat(saved[0]["When"]).tzinfo is not None
    rows.nth(1).click()
    expect(page.get_by_test_id("stJson")).to_have_count(0)
    assert window.complaints == []


def test_on_a_phone_the_button_with_its_price_and_the_ways_to_the_pages_are_always_there(window):
    page = window.page
    page.set_viewport_size(PHONE)
    window.open("/")
    button = page.get_by_role("button", name=re.compile(r"^Generate · "))
    expect(button).to_be_in_viewport(ratio=1)
    sent = page.locator(".st-key-sent-line")
    expect(sent).to_have_count(0)
    for prompt in ("Silk on a *red* roof", ""):
        page.get_by_role("textbox", name=re.compile("^Prompt")).fill(prompt)
        page.keyboard.press("Tab")
        expect(sent).to_have_count(1 if prompt else 0)
        if prompt:
            expect(sent).to_have_text(re.compile(f"^{re.escape(prompt)}"))
            expect(sent).to_be_in_viewport(ratio=1)
            page.set_viewport_size(DESK)
            expect(sent).to_be_hidden()
            page.set_viewport_size(PHONE)
    page.evaluate("() => { window.loadedOnce = true }")
    tabs = page.get_by_role("navigation", name="Pages", exact=True)
    tabs.get_by_role("link", name="Gallery").click()
    expect(page.get_by_test_id("take-card").first).to_be_visible()
    expect(tabs.get_by_role("link", name="Gallery")).to_have_attribute("aria-current", "page")
    assert page.evaluate("() => window.loadedOnce"), "nothing is loaded anew"
    page.set_viewport_size(DESK)
    expect(tabs).to_be_hidden()


def test_a_clip_that_does_not_play_says_so_wherever_it_stands_and_can_be_taken_along(window, made):
    """Two of ProRes: of one it is known that no browser plays it, the other is found out by this browser.

    The pointer may rest on any part of a card; and the first time it asks for the film, no answer comes.
    """
    film, page = bars("prores", TEN_BITS, kind="yuv422p10le", container="mov"), window.page
    unanswered: list[Any] = []
    with made[0].deps() as deps:
        world, ids = World(deps, sim=None), []
        poster = poster_key(world.saved(rendered(world, "Its poster"), picture()))
        for number, problem in enumerate(("Browsers can't play it: it is ProRes.", "")):
            job = rendered(world, f"It is film {number}")
            video = world.saved(job, film + bytes(number))
            with deps.store.begin() as session:
                kept = session.get(Video, video.id)
                kept.poster_key, kept.problem, kept.codec = poster, problem, "prores"
            ids.append(job.id)
    asked_for = re.compile(f"/{re.escape(video.key)}\\?")
    page.route(asked_for, lambda route: route.continue_() if unanswered else unanswered.append(route))

    window.open("/gallery")
    cards = [page.locator(f"[data-testid=take-card][data-take='{one}']") for one in ids]
    known, found = (card.get_by_role("link", name="Download") for card in cards)
    expect(known).to_have_text(re.compile("No browser plays it · Download$"))
    expect(found).to_be_hidden()
    cards[1].locator(".words").hover()
    expect(found).to_have_text(re.compile("This browser can't play it · Download$"))
    assert unanswered, "it was asked for anew"
    page.unroute(asked_for)
    with page.expect_download() as saved:
        found.click()
    assert saved.value.path().read_bytes() == film + bytes(1)

    told = ("No browser plays this as it is", "This browser can't play it")
    for look in (*(f"take={one}" for one in ids), f"compare={','.join(ids)}"):
        page.goto("about:blank")
        window.open(f"/gallery#{look}")
        over = page.get_by_test_id("light").locator(".look:not(.away)")
        for one, words in zip(ids, told, strict=True):
            if one in look:
                expect(over.get_by_text(words)).to_be_visible()
        downloads = over.get_by_role("link", name="Download", exact=True).locator("visible=true")
        expect(downloads).to_have_count(look.count(",") + 1)


def test_a_browser_without_websockets_gets_words_instead_of_an_empty_page(window):
    page = window.page
    page.add_init_script("delete window.WebSocket")
    page.goto(window.origin)
    expect(page.get_by_role("alert")).to_contain_text(
        "has no WebSockets. Use a newer one. Your takes are safe"
    )


@pytest.mark.parametrize("way", ["refuses them", "swallows what they say"])
def test_where_something_in_between_keeps_websockets_out_the_page_says_so_until_they_come_through(
    window, way
):
    page, silent = window.page, way != "refuses them"
    with Between(window.origin, silent=silent) as between:
        page.clock.install()
        page.goto(between.origin)
        if silent:
            eventually(lambda: page.wait_for_timeout(50) or between.kept_out)
            page.clock.fast_forward(15_000)
        else:  # the kit tries again after pauses, which pass at once
            eventually(
                lambda: page.clock.fast_forward(3_000) or page.wait_for_timeout(50) or between.kept_out > 3
            )
        told = page.get_by_role("alert").filter(has_text="This page can't be shown")
        expect(told).to_contain_text("something between this browser and Dailies keeps WebSockets out")
        expect(told).to_contain_text("Your takes are safe")
        between.lets_through = True
        page.reload()
        expect(page.get_by_role("button", name=re.compile(r"^Generate · "))).to_be_visible()
        expect(told).to_have_count(0)


def test_control_what_can_not_be_read_or_pressed_is_found(window):
    window.open("/account")
    window.page.evaluate(
        """() => document.querySelector("[data-testid=stMain]").insertAdjacentHTML("beforeend",
           `<button id=control style="width:20px;min-width:0;height:20px;min-height:0"></button>
            <p style="color:#ccc;background:#fff">Pale</p>`)"""
    )
    told = " ".join(faults(window.page))
    assert "button-name" in told
    assert "color-contrast" in told
    assert any("control" in one for one in window.page.evaluate(TOO_SMALL, FINGER_PX))
