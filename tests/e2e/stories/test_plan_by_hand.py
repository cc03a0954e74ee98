"""A plan that is filled in by hand: written, pasted, pressed, taken back; nothing that is typed is lost."""

import re
from collections.abc import Iterator
from contextlib import closing

import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from sqlalchemy import delete

from backend.models import PlanDraft
from tests.e2e.installation import Installation
from tests.e2e.stories.test_browser import Visit
from tests.e2e.stories.test_browser import browser as browser

pytestmark = [pytest.mark.browser, pytest.mark.needs("chromium"), pytest.mark.xdist_group("browser")]

#: As a spreadsheet copies it: a cell of two lines stands in quotes, and its own quotes are doubled.
CELLS = 'slow pan\n"close up,\nthen ""wide"""\nhandheld\n'
#: Two columns under their names.
TABLE = "{{ garment }}\tStyle: camera\nred silk dress\tDolly in\nblue coat\tCrane up\n"


#: From now on counts how often the script that draws the page has begun.
COUNT_RUNS = """() => {
    const app = document.querySelector("[data-testid=stApp]")
    window.runs = 0
    const told = () => { window.runs += app.dataset.testScriptState === "running" }
    new MutationObserver(told).observe(app, { attributeFilter: ["data-test-script-state"] })
}"""


@pytest.fixture(scope="module")
def installation(database_kind: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A dashboard; nothing else runs."""
    with closing(Installation(tmp_path_factory.mktemp("plan"), "http://127.0.0.1:9")) as made:
        made._put_database()
        made.dashboard()
        yield made


@pytest.fixture
def planner(browser: Browser, installation: Installation) -> Iterator[tuple[Visit, Page]]:
    """A window on a plan that holds nothing yet, and that may use the clipboard."""
    with installation.deps() as deps, deps.store.begin() as session:
        session.execute(delete(PlanDraft))
    window = Visit(browser, installation)
    window.context.grant_permissions(["clipboard-read", "clipboard-write"])
    yield window, window.open("/experiment")
    window.context.close()


def value(page: Page, axis: str, number: int) -> Locator:
    return page.get_by_role("textbox", name=f"{axis}, value {number}", exact=True)


def values(page: Page, axis: str) -> list[str]:
    """What is written under an axis."""
    fields = page.get_by_role("group", name=axis, exact=True).get_by_role("textbox")
    return [field.input_value() for field in fields.all()]


def paste(page: Page, text: str) -> None:
    page.evaluate("text => navigator.clipboard.writeText(text)", text)
    page.keyboard.press("ControlOrMeta+v")


def cells(page: Page, number: int) -> None:
    expect(page.get_by_test_id("stMetric").filter(has_text="Cells")).to_contain_text(f"{number}")


def test_what_is_varied_is_written_pasted_and_pressed_from_the_keyboard_and_is_there_after_a_reload(
    planner, installation
):
    window, page = planner
    page.get_by_label("Name", exact=True).fill("Which move?")
    page.get_by_role("textbox", name=re.compile("^Prompt")).fill("A {{ garment }} by the sea, {{ move }}")
    page.keyboard.press("Tab")
    page.get_by_role("button", name="Vary {{ move }}").click()
    expect(value(page, "{{ move }}", 1)).to_be_focused()
    paste(page, CELLS)
    assert values(page, "{{ move }}") == ["slow pan", 'close up,\nthen "wide"', "handheld"]
    expect(value(page, "{{ move }}", 3)).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Backspace")
    expect(value(page, "{{ move }}", 3)).to_be_focused()
    page.get_by_role("button", name="Vary {{ garment }}").click()
    page.keyboard.type("a dress")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("of silk")
    page.keyboard.press("Enter")
    page.keyboard.type("a coat")
    page.get_by_role("button", name="Vary something else").click()
    page.get_by_role("button", name="Vary Duration").click()
    for seconds in ("5 s", "10 s"):
        page.get_by_role("button", name=seconds, exact=True).press("Space")
    cells(page, 12)
    window.settle()
    page.reload()
    expect(value(page, "{{ garment }}", 2)).to_have_value("a coat")
    assert values(page, "{{ garment }}") == ["a dress\nof silk", "a coat"]
    assert values(page, "{{ move }}") == ["slow pan", 'close up,\nthen "wide"', "handheld"]
    expect(page.get_by_role("button", name="10 s", exact=True)).to_have_attribute("aria-pressed", "true")
    value(page, "{{ garment }}", 2).press("End")
    page.keyboard.type(" of wool")
    page.get_by_role("button", name="Keep the plan and see the price").click()
    expect(page.get_by_role("button", name=re.compile(r"^Make 48 takes for up to \$"))).to_be_visible()
    (kept,) = installation.rows("SELECT plan FROM experiment")
    assert "a coat of wool" in str(kept["plan"]), "what was typed just before, too"
    window.close()


def test_values_that_were_removed_or_pasted_by_mistake_come_back_and_what_is_wrong_stands_beside_them(
    planner,
):
    window, page = planner
    undo = page.get_by_role("button", name="Undo")
    page.get_by_role("button", name="Vary Prompt").click()
    paste(page, "A red dress\nA blue dress\nA coat")
    cells(page, 3)
    page.get_by_role("button", name="Remove A blue dress").click()
    cells(page, 2)
    undo.click()
    assert values(page, "Prompt") == ["A red dress", "A blue dress", "A coat"]
    page.get_by_role("button", name="Vary no longer: Prompt").click()
    expect(page.get_by_role("group", name="Prompt", exact=True)).to_have_count(0)
    undo.click()
    assert values(page, "Prompt") == ["A red dress", "A blue dress", "A coat"]
    cells(page, 3)
    undo.click()
    assert values(page, "Prompt") == [""], "what was pasted is gone as well"
    paste(page, "A long shot\nof the sea")
    page.get_by_role("button", name="It is one value").click()
    assert values(page, "Prompt") == ["A long shot\nof the sea"]
    page.get_by_role("button", name="Add value: Prompt").click()
    page.keyboard.type("A long shot  of the sea")
    page.keyboard.press("Tab")
    twice = "Two values are both called 'A long shot of the sea'; give each value once"
    expect(value(page, "Prompt", 2)).to_have_accessible_description(twice)
    value(page, "Prompt", 2).fill("A {slow|fast} pan")
    cells(page, 3)
    expect(value(page, "Prompt", 2)).to_have_accessible_description("")
    page.get_by_role("combobox", name="What is varied").select_option("Model")
    number = page.get_by_text(re.compile(r"^All \d+$")).inner_text().removeprefix("All ")
    page.get_by_role("button", name=f"All {number} values of Model").click()
    expect(page.get_by_role("button", name="Veo 3.1", exact=True)).to_be_visible()
    window.close()


def test_columns_of_a_table_become_what_they_are_called_and_nothing_that_is_typed_is_lost(planner):
    window, page = planner
    page.get_by_role("textbox", name=re.compile("^Prompt")).fill("A {{ garment }} by the sea")
    page.keyboard.press("Tab")
    page.get_by_role("button", name="Vary {{ garment }}").click()
    paste(page, TABLE)
    assert values(page, "{{ garment }}") == ["red silk dress", "blue coat"]
    dolly = page.get_by_role("group", name="Style: camera", exact=True).get_by_role("button", name="Dolly in")
    expect(dolly).to_have_attribute("aria-pressed", "true")
    cells(page, 4)
    window.settle()
    last = value(page, "{{ garment }}", 2)
    last.press("End")
    page.evaluate(COUNT_RUNS)
    for number, word in enumerate((" of wool", " with pockets"), 1):
        last.press_sequentially(word)  # the next word comes while the page is drawn for this one
        page.wait_for_function("least => window.runs >= least", arg=number, polling=10)
    last.press_sequentially(" and a hood")
    window.settle()
    expect(last).to_have_value("blue coat of wool with pockets and a hood")
    expect(last).to_be_focused()
    page.get_by_label("Name", exact=True).fill("Which coat?")
    page.keyboard.press("Tab")
    window.settle()
    page.reload()
    expect(last).to_have_value("blue coat of wool with pockets and a hood")
    window.close()
