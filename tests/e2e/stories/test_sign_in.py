"""People sign in by two providers in a real browser, and what they may do ends when it should."""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from sqlmodel import col, update

from backend.domain.states import JobEvent
from backend.models import LoginSession, Person
from backend.services.gallery import signed_links
from tests.e2e.installation import ROOT, Installation, answers
from tests.e2e.stories.test_browser import READY, new_context
from tests.e2e.stories.test_browser import browser as browser
from tests.login_providers import MOCK_WARNS, mock_provider
from tests.ports import reserve_port
from tests.waiting import eventually
from tests.world import ADMIN, World

pytestmark = [
    pytest.mark.browser,
    pytest.mark.needs("chromium"),
    pytest.mark.xdist_group("browser"),
    MOCK_WARNS,
]

ENDED = "Your session has ended"
PEOPLE = {
    name: {"email": f"{name}@example.com", "email_verified": True, "name": name.title()}
    for name in ("maya", "noor")
}


class Team:
    """An installation with two providers of logins and two dashboards, and one stored take."""

    def __init__(self, installation: Installation, ends: ExitStack) -> None:
        self.installation = installation
        self.base = f"http://127.0.0.1:{installation.dashboard_port}"
        self.other_port = reserve_port()
        self.other = f"http://127.0.0.1:{self.other_port}"
        people = {"one": {"maya": PEOPLE["maya"]}, "two": {"noor": PEOPLE["noor"]}}
        for name, theirs in people.items():
            issuer = ends.enter_context(mock_provider(reserve_port(), **theirs))
            installation.settings |= {
                f"LOGIN_{name.upper()}_ISSUER": issuer,
                f"LOGIN_{name.upper()}_CLIENT_ID": "dailies",
                f"LOGIN_{name.upper()}_CLIENT_SECRET": "a-secret-of-the-client",
            }
        installation.settings |= {
            "LOGIN_BASE_URL": self.base,
            "LOGIN_PROVIDERS": "one,two",
            "LOGIN_ROLES": "creator: @example.com",
        }
        with installation.deps() as deps:
            world = World(deps, sim=None)
            job = world.ask("A silk dress in the sunset", viewer=ADMIN)
            world.advance(job, JobEvent.SUBMIT_BEGUN, JobEvent.ACCEPTED, JobEvent.FINISHED)
            waits = world.ask("A coat that waits in line", viewer=ADMIN)
            world.advance(waits, JobEvent.SUBMIT_BEGUN, JobEvent.ACCEPTED)
            key = world.saved(job, b"0123456789" * 100).key
            self.take, self.media = f"/take?take={job.id}", signed_links.dashboard_link(deps, key) or ""

    def change(self, statement: Any) -> None:
        """As an admin, or time, does."""
        with self.installation.deps() as deps, deps.store.begin() as session:
            session.exec(statement)

    def start_dashboards(self) -> None:
        """Both, side by side."""
        place = ("--server.address=127.0.0.1", f"--server.port={self.other_port}")
        command = ("-m", "streamlit", "run", ROOT / "app.py", *place)
        second = self.installation.run("second", *command, cwd=ROOT)
        self.installation.dashboard()
        eventually(lambda: answers(f"{self.other}/_stcore/health"), process=second)


@pytest.fixture(scope="module")
def team(database_kind: str, fal, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    with ExitStack() as ends:
        made = ends.enter_context(closing(Installation(tmp_path_factory.mktemp("team"), fal.url)))
        found = Team(made, ends)
        found.start_dashboards()
        yield found


@pytest.fixture
def person(browser: Browser) -> Iterator[Callable[[], BrowserContext]]:
    """A function that gives somebody a browser of their own."""
    with ExitStack() as ends:

        def come() -> BrowserContext:
            context = new_context(browser)
            ends.callback(context.close)
            context.route(re.compile("jsdelivr"), lambda route: route.abort())  # the mock's own style
            return context

        yield come


def sign_in(page: Page, team: Team, path: str, name: str = "maya", way: str = "One") -> None:
    """Open a page as somebody who isn't signed in, and do what they see to do."""
    page.goto(team.base + path)
    page.get_by_role("link", name=f"Sign in with {way}").click()
    page.get_by_role("button", name=name, exact=True).click()
    page.wait_for_selector(READY)


def test_a_link_to_a_take_opens_after_signing_in_with_either_provider_and_says_who_one_is(team, person):
    for name, way in (("maya", "One"), ("noor", "Two")):
        page = person().new_page()
        sign_in(page, team, team.take, name, way)
        assert page.url == team.base + team.take
        expect(page.get_by_text("A silk dress in the sunset").first).to_be_visible()
        expect(page.get_by_text(f"You are {name.title()}, creator")).to_be_visible()


def test_signing_out_ends_a_tab_of_another_dashboard_and_next_leads_nowhere_else(team, person):
    context = person()
    page, other = context.new_page(), context.new_page()
    sign_in(page, team, "/sign-in?next=//evil.example/gallery")
    assert page.url == f"{team.base}/"
    other.goto(f"{team.other}/gallery")
    expect(other.get_by_text("You are Maya, creator")).to_be_visible()

    page.get_by_role("link", name="Sign out").click()
    expect(page.get_by_text("You are signed out.")).to_be_visible()
    expect(other.get_by_text(ENDED)).to_be_visible()  # a take moves, so this page refreshed itself
    expect(other.get_by_text("You are Maya")).to_have_count(0)
    other.get_by_role("link", name="Sign in").click()
    expect(other.get_by_role("link", name="Sign in with One")).to_be_visible()
    assert other.url == f"{team.base}/sign-in?next=%2Fgallery&from=elsewhere"


def test_nothing_opens_for_a_disabled_person_any_more_also_not_from_a_page_that_is_open(team, person):
    context = person()
    page = context.new_page()
    sign_in(page, team, "/activity", "noor", "Two")
    expect(page.get_by_text("A coat that waits in line").first).to_be_visible()
    assert context.request.get(team.base + team.media).status == 200

    noor = update(Person).where(col(Person.name) == "Noor")
    team.change(noor.values(disabled_at=datetime.now(UTC)))

    assert context.request.get(team.base + team.media).status == 401
    upload = context.request.put(f"{team.base}/_stcore/upload_file/x/y", multipart={"file": "x"})
    assert upload.status == 401
    expect(page.get_by_text(ENDED)).to_be_visible()  # it refreshed itself
    expect(page.get_by_text("A coat that waits in line")).to_have_count(0)
    page.goto(team.base + team.take)
    page.get_by_role("link", name="Sign in with Two").click()
    page.get_by_role("button", name="noor", exact=True).first.click()
    expect(page.get_by_text("Noor may not use Dailies any more.")).to_be_visible()


def test_a_page_whose_session_ended_while_its_dashboard_was_away_says_so(team, person):
    page = person().new_page()
    sign_in(page, team, team.take)
    long_ago = datetime.now(UTC) - timedelta(hours=13)
    team.change(update(LoginSession).values(begun_at=long_ago))
    dashboard = next(one for one in team.installation.processes if one.name == "dashboard")
    dashboard.crash()
    team.installation.dashboard()

    page.get_by_role("link", name=re.compile("Gallery")).first.click()

    expect(page.get_by_text(ENDED)).to_be_visible()
    page.get_by_role("link", name="Sign in").click()
    page.get_by_role("link", name="Sign in with One").click()
    page.get_by_role("button", name="maya", exact=True).first.click()
    page.wait_for_selector(READY)
    assert page.url == f"{team.base}/gallery"
