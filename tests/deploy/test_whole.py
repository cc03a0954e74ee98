"""The real dashboard, sidecar and worker behind the shipped nginx configuration, by two names."""

import re
from typing import Any
from urllib.parse import urlsplit

import pytest
import urllib3
from playwright.sync_api import expect

from tests.deploy.behind_nginx import behind_nginx, window_to
from tests.deploy.front import DASHBOARD, HOOKS
from tests.deploy.test_nginx import OWN_LOGINS, PROOF, PROVEN
from tests.login_providers import MOCK_WARNS, mock_provider
from tests.ports import reserve_port
from tests.waiting import eventually

PROVES = {"X-Dailies-Proxy": PROOF}
UPGRADE = {
    "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}  # fmt: skip


@pytest.mark.browser
@pytest.mark.needs("nginx", "chromium")
def test_a_take_is_delivered_by_tls_and_a_page_opens_in_a_browser_and_plays_it(fal: Any, tmp_path):
    """The websocket comes through: without it Streamlit's page stays empty. nginx alone says who comes."""
    with behind_nginx(tmp_path, fal.url, change=PROVEN) as installation:
        installation.dashboard(
            LOGIN_PROXY="header", LOGIN_PROXY_SECRET=PROOF, LOGIN_ROLES="admin: ana@example.com"
        )
        job = installation.ask("A grey coat in the rain, behind nginx")
        installation.until(job, "stored")
        assert installation.history(job) == ["created", "submitting", "queued", "rendered", "stored"]
        eventually(lambda: f"POST /api/video/webhook/{job}/-" in installation.front.log())
        assert installation.front.call(HOOKS, "GET", "/readyz").status == 200
        assert b"dailies_jobs" in installation.front.call(HOOKS, "GET", "/metrics").data

        with window_to(installation, DASHBOARD) as (window, sockets):
            page = window.open("/gallery")
            expect(page.get_by_text("A grey coat in the rain").first).to_be_visible()
            expect(page.get_by_text("You are ana@example.com, admin")).to_be_attached()
            page.get_by_test_id("take-card").click()
            window.play("light")
        assert set(sockets) == {f"wss://{DASHBOARD}{path}" for path in ("/_stcore/stream", "/live")}

        past_nginx = f"127.0.0.1:{installation.dashboard_port}"
        said = {"X-Forwarded-Email": "ana@example.com", "X-Forwarded-For": "127.0.0.1"}
        guessed = {"X-Dailies-Proxy": "guessed"}
        for proof, statuses in (({}, (401, 403)), (guessed, (401, 403)), (PROVES, (200, 101))):
            for path, more, status in zip(("host-config", "stream"), ({}, UPGRADE), statuses, strict=True):
                url = f"http://{past_nginx}/_stcore/{path}"
                got = urllib3.request("GET", url, headers=said | proof | more, preload_content=False)
                assert got.status == status
                got.close()


@pytest.mark.browser
@pytest.mark.needs("nginx", "chromium")
@MOCK_WARNS
def test_behind_nginx_people_sign_in_by_tls_come_to_the_page_they_asked_for_and_sign_out(fal: Any, tmp_path):
    """With a cookie that no other name, no path and no line without TLS ever gets."""
    maya = {"email": "maya@example.com", "email_verified": True, "name": "Maya"}
    with (
        mock_provider(reserve_port(), maya=maya) as issuer,
        behind_nginx(tmp_path, fal.url, change=OWN_LOGINS) as installation,
    ):
        installation.dashboard(
            LOGIN_BASE_URL=f"https://{DASHBOARD}", LOGIN_PROVIDERS="one", LOGIN_ONE_ISSUER=issuer,
            LOGIN_ONE_CLIENT_ID="dailies", LOGIN_ONE_CLIENT_SECRET="a-secret-of-the-client",
            LOGIN_ROLES="creator: @example.com",
        )  # fmt: skip
        job = installation.ask("A grey coat in the rain, for who signs in")
        installation.until(job, "stored")
        with window_to(installation, DASHBOARD) as (window, sockets):
            page, take = window.page, f"{window.origin}/take?take={job}"
            window.allowed |= {
                urlsplit(issuer).netloc,
                "cdn.jsdelivr.net",
            }  # the mock's style, which is nowhere
            window.context.route(re.compile("jsdelivr"), lambda route: route.fulfill(body=""))
            page.goto(take)
            page.get_by_role("link", name="Sign in with One").click()
            page.get_by_role("button", name="maya", exact=True).click()
            expect(page.get_by_text("You are Maya, creator")).to_be_attached()
            expect(page).to_have_url(take)
            window.play()
            (ours,) = [one for one in window.context.cookies(window.origin) if "Host" in one["name"]]
            assert (ours["name"], ours["domain"], ours["path"]) == ("__Host-dailies", DASHBOARD, "/")
            assert (ours["secure"], ours["httpOnly"], ours["sameSite"]) == (True, True, "Lax")
            assert set(sockets) == {f"wss://{DASHBOARD}{path}" for path in ("/_stcore/stream", "/live")}

            page.get_by_role("link", name="Sign out").click()
            expect(page.get_by_text("You are signed out.")).to_be_visible()
            page.goto(take)
            expect(page.get_by_role("link", name="Sign in with One")).to_be_visible()
        assert "a-secret-of-the-client" not in installation.front.all_logs()
