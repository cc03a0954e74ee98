"""The form in a real browser: words are chosen by keys, a draft outlives its tab, and more is two clicks."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.installation import Installation
from tests.e2e.stories.test_browser import Visit
from tests.e2e.stories.test_browser import browser as browser
from tests.e2e.stories.test_browser import installation as installation
from tests.e2e.stories.test_browser import visit as visit

pytestmark = [pytest.mark.browser, pytest.mark.needs("chromium"), pytest.mark.xdist_group("browser")]


def camera(page: Page) -> Locator:
    return page.locator(".st-key-form-style-camera input")


def typed(page: Page, text: str, key: str) -> str:
    """What stands in the camera's box after this was typed and the key pressed."""
    field = camera(page)
    field.click()
    field.press("Control+a")
    field.press_sequentially(text)
    expect(page.get_by_role("option").first).to_be_visible()
    options = page.get_by_role("listbox")
    assert options.evaluate("list => getComputedStyle(list).flexDirection") == "column"
    field.press(key)
    expect(page.get_by_role("listbox")).to_have_count(0)
    return str(field.input_value())


def test_words_are_chosen_by_keys_the_draft_outlives_the_tab_and_four_variations_are_two_clicks(
    installation: Installation, visit: Callable[[Installation], Visit]
) -> None:
    window = visit(installation)
    page = window.open()
    prompt = "A wool coat turns in the snow"
    job = window.ask(prompt)
    assert typed(page, "dol", "Enter") == "Dolly in", "Enter takes the best match"
    window.settle()
    assert typed(page, "dolly through glass", "Tab") == "dolly through glass", "Tab keeps what was typed"
    window.settle()
    expect(page.get_by_test_id("stCode").filter(has_text="Camera: dolly through glass").first).to_be_visible()
    window.close()

    back = visit(installation)
    page = back.open()
    expect(page.locator(".st-key-form-prompt textarea")).to_have_value(prompt)
    assert camera(page).input_value() == "dolly through glass"
    expect(page.get_by_text(re.compile(r"Draft of \d\d:\d\d"))).to_be_visible()
    installation.until(job, "stored")
    page = back.open(f"/take?take={job}")
    page.get_by_role("button", name="Variations").click()
    page.get_by_role("button", name=re.compile("Make ×4 · ")).click()
    expect(page.get_by_text("4 takes saved.").first).to_be_visible()
    made = installation.rows("SELECT job_id FROM take_origin WHERE from_id = ? AND how = 'varied'", job)
    assert len(made) == 4
    back.close()
