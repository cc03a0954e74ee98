"""The dashboard: `streamlit run app.py`. Pages come from pages/, media from this same origin."""

import faulthandler
import os
import sys
from functools import cache

import streamlit as st
from starlette.middleware import Middleware
from streamlit import config

from backend.bootstrap import make_storage, open_deps
from backend.domain.errors import MediaError, SettingsError
from backend.services.deps import Deps
from backend.settings import Settings, load_settings
from backend.web import dashboard
from backend.web.door.set_up import make_door
from backend.web.live.routes import Live
from backend.web.wall.routes import routes as wall_routes
from pages.ui import unforeseen
from pages.ui.leaving import LeftPages


def _settings() -> Settings:
    try:
        return load_settings()
    except SettingsError as error:
        sys.exit(str(error))


def _on_the_right_port(port: int) -> None:
    """Streamlit has bound its port before this module runs, and knows nothing of DASHBOARD_PORT.

    So when nothing else named a port, start over with the right one.
    """
    named = config.get_where_defined("server.port")
    by_hand = "flag" in named or "environment" in named or "argument" in named
    if not by_hand and st.get_option("server.port") != port:
        sys.stdout.flush()
        os.execv(sys.executable, [*sys.orig_argv, "--server.port", str(port)])


@cache
def _deps() -> Deps:
    return open_deps(settings)


def _origins(settings: Settings) -> tuple[str, ...]:
    """Where a bucket's links lead, also of one to which files may be moved while we run."""
    try:
        known = make_storage(settings).link_origins()
        return known or (settings.storage_public_url or settings.aws_endpoint_url,)
    except MediaError as error:
        sys.exit(str(error))


faulthandler.enable()  # a fault in a library ends the process at once: its log says where each thread was
dashboard.share_heaps()
settings = _settings()
refused = dashboard.listen_refusal(
    st.get_option("server.address"), is_guarded=settings.has_logins or settings.open_dashboard
)
if refused:
    sys.exit(refused)
_on_the_right_port(settings.dashboard_port)
if config.get_where_defined("server.baseUrlPath") == "<default>":  # it may stand in .env alone
    config.set_option("server.baseUrlPath", settings.streamlit_server_base_url_path)
if (
    config.get_where_defined("server.cookieSecret") == "<default>"
):  # by itself every process makes one of its own
    config.set_option("server.cookieSecret", dashboard.cookie_secret(settings.secret_key.get_secret_value()))

base_path = st.get_option("server.baseUrlPath")
live = Live(_deps, base_path=base_path)
door = make_door(settings, _deps, base_path=base_path)
app = st.App(
    "pages/frame.py",
    lifespan=live.lifespan,
    routes=[
        *door.routes,
        *live.routes(),
        *dashboard.routes(_deps, base_path=base_path),
        *wall_routes(_deps, base_path=base_path),
    ],
    middleware=[
        *dashboard.middleware(
            settings.media_url,
            *_origins(settings),
            frame_ancestors=settings.frame_ancestors,
            door=door.middleware,
        ),
        Middleware(LeftPages),
    ],
    exception_handlers=dashboard.exception_handlers(),
    on_script_error=unforeseen.show_error,
)
