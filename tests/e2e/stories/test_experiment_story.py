"""One question and two people: planned and paid on a desk, judged on a phone, its verdict read on a desk."""

import re
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.installation import Installation
from tests.e2e.stories.test_browser import READY, Visit
from tests.e2e.stories.test_browser import browser as browser
from tests.login_providers import MOCK_WARNS, mock_provider
from tests.ports import reserve_port
from tests.waiting import eventually

pytestmark = [
    pytest.mark.browser,
    pytest.mark.needs("chromium"),
    pytest.mark.xdist_group("browser"),
    MOCK_WARNS,
]

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
PLAN = b"prompt\nA red dress in the wind\nA blue coat in the rain\n"
#: Of the four that two takes each of two prompts make.
PAIRS = 3


@pytest.fixture(scope="module")
def installation(database_kind: str, fal, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Dashboard, sidecar and worker, on the quick provider; maya makes takes, noor may look and judge."""
    people = {
        name: {"email": f"{name}@example.com", "email_verified": True, "name": name.title()}
        for name in ("maya", "noor")
    }
    with ExitStack() as ends:
        made = ends.enter_context(closing(Installation(tmp_path_factory.mktemp("experiment"), fal.url)))
        made.settings |= {
            "LOGIN_BASE_URL": f"http://127.0.0.1:{made.dashboard_port}",
            "LOGIN_PROVIDERS": "one",
            "LOGIN_ONE_ISSUER": ends.enter_context(mock_provider(reserve_port(), **people)),
            "LOGIN_ONE_CLIENT_ID": "dailies",
            "LOGIN_ONE_CLIENT_SECRET": "a-secret-of-the-client",
            "LOGIN_ROLES": "creator: maya@example.com; viewer: noor@example.com",
        }
        made.up()
        made.dashboard()
        yield made


def sign_in(visit: Visit, path: str, name: str) -> Page:
    """Open a page as somebody who isn't signed in yet, and do what they see to do."""
    issuer = visit.installation.settings["LOGIN_ONE_ISSUER"]
    visit.allowed |= {urlsplit(str(issuer)).netloc, "cdn.jsdelivr.net"}
    visit.context.route(re.compile("jsdelivr"), lambda route: route.fulfill(body=""))  # the mock's own style
    visit.page.goto(visit.origin + path)
    visit.page.get_by_role("link", name="Sign in with One").click()
    visit.page.get_by_role("button", name=name, exact=True).click()
    visit.page.wait_for_selector(READY)
    return visit.page


def test_a_data_person_plans_and_pays_a_creative_judges_on_a_phone_and_the_verdict_is_read_and_taken_along(
    installation, browser: Browser, tmp_path: Path
):
    desk = Visit(browser, installation)
    page = sign_in(desk, "/experiments", "maya")
    expect(page.get_by_text("Videos of one prompt differ; so judge prompts by several takes")).to_be_visible()
    page.get_by_role("button", name="Plan an experiment").click()
    page.get_by_label("Name", exact=True).fill("Dress or coat?")
    page.get_by_text("From a CSV or Parquet file").click()
    page.locator(".st-key-plan-from-file input[type=file]").set_input_files(
        {"name": "plan.csv", "mimeType": "text/csv", "buffer": PLAN}
    )
    expect(page.get_by_text("With 4 takes each, the better of two")).to_be_visible()
    desk.settle()
    page.reload()  # what was filled in is kept
    expect(page.get_by_label("Name", exact=True)).to_have_value("Dress or coat?")
    expect(page.get_by_text("plan.csv · 2 rows")).to_be_visible()
    page.get_by_label("Takes of each cell").fill("2")
    page.get_by_label("Takes of each cell").press("Tab")
    expect(page.get_by_text("With 2 takes each, the better of two")).to_be_visible()
    desk.settle()
    page.get_by_role("button", name="Keep the plan and see the price").click()
    paid = page.get_by_role("button", name=re.compile(r"^Make 4 takes for up to \$"))
    expect(paid).to_be_visible()
    assert installation.rows("SELECT 1 FROM job") == []

    paid.click()
    tiles = page.get_by_test_id("matrix").locator("img.poster")
    expect(tiles).to_have_count(2)
    go_on = page.get_by_role("button", name="Go on with 2 takes")
    go_on.click()
    expect(page.get_by_text(re.compile(r"^4 of 4 takes"))).to_be_visible()
    page.get_by_role("button", name="Judge first").click()
    link = page.get_by_text(re.compile(r"/judge\?experiment=")).first.inner_text()

    phone = Visit(browser, installation, **PHONE)
    hand = sign_in(phone, "/" + link.split("/", 3)[3], "noor")
    judge = hand.get_by_test_id("judge")
    for _ in range(PAIRS):
        hand.wait_for_function("judge => judge.dataset.pair", arg=judge.element_handle())
        before = judge.get_attribute("data-pair")
        hand.get_by_role("button", name="Left is better").click()
        hand.wait_for_function(
            "([judge, before]) => judge.dataset.pair !== before", arg=[judge.element_handle(), before]
        )
    expect(judge).to_have_attribute("data-unsent", "0")
    phone.close()
    eventually(lambda: len(installation.rows("SELECT 1 FROM vote")) == PAIRS)
    assert {row["rater"] for row in installation.rows("SELECT rater FROM vote")} == {"Noor"}
    assert {row["owner"] for row in installation.rows("SELECT owner FROM job")} == {"Maya"}

    page.get_by_test_id("steps").get_by_role("link", name=re.compile("Learn")).click()
    expect(page.get_by_text("How often a fresh take wins against the average cell")).to_be_visible()
    page.get_by_test_id("steps").get_by_role("link", name=re.compile("Run")).click()
    page.get_by_role("button", name="Show the names").click()
    expect(page.get_by_test_id("cell")).to_have_count(2)
    expect(tiles).to_have_count(4)
    page.get_by_test_id("cell").first.locator(".tile").first.hover()
    expect(page.get_by_test_id("matrix").locator("video")).to_have_count(1)
    page.get_by_test_id("cell").first.locator(".words").click()
    expect(page.get_by_role("button", name=re.compile(r"^Make 1 take more"))).to_be_visible()
    page.get_by_test_id("steps").get_by_role("link", name=re.compile("Learn")).click()
    with page.expect_download() as report:
        page.get_by_role("button", name="Report").click()
    told = Path(report.value.path()).read_text("utf-8")
    assert "Dress or coat?" in told
    assert "data:image/jpeg;base64," in told
    with page.expect_download() as export:
        page.get_by_role("button", name="Export").click()
    assert Path(export.value.path()).read_bytes()[:4] == b"PAR1"
    desk.close()
