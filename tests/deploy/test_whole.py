"""The real dashboard, sidecar and worker behind the shipped nginx configuration, by two names."""

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.deploy.behind_nginx import behind_nginx, window_to
from tests.deploy.front import DASHBOARD, HOOKS
from tests.waiting import eventually


@pytest.mark.browser
@pytest.mark.needs("nginx", "chromium")
def test_a_take_is_delivered_by_tls_and_a_page_opens_in_a_browser_and_plays_it(fal: Any, tmp_path):
    """The websocket comes through: without it Streamlit's page stays empty."""
    with behind_nginx(tmp_path, fal.url) as installation:
        installation.dashboard()
        job = installation.ask("A grey coat in the rain, behind nginx")
        installation.until(job, "stored")
        assert installation.history(job) == ["created", "submitting", "queued", "rendered", "stored"]
        eventually(lambda: f"POST /api/video/webhook/{job}/-" in installation.front.log())
        assert installation.front.call(HOOKS, "GET", "/readyz").status == 200
        assert b"dailies_jobs" in installation.front.call(HOOKS, "GET", "/metrics").data

        with window_to(installation, DASHBOARD) as (window, sockets):
            page = window.open("/gallery")
            expect(page.get_by_text("A grey coat in the rain").first).to_be_visible()
            page.get_by_test_id("take-card").click()
            window.play()
        assert set(sockets) == {f"wss://{DASHBOARD}/_stcore/stream"}
