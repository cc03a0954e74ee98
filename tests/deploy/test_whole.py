"""The real dashboard, sidecar and worker behind the shipped nginx configuration, by two names."""

from typing import Any

import pytest
import urllib3
from playwright.sync_api import expect

from tests.deploy.behind_nginx import behind_nginx, window_to
from tests.deploy.front import DASHBOARD, HOOKS
from tests.deploy.test_nginx import PROOF, PROVEN
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
