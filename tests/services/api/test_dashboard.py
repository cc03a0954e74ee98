"""What the dashboard's own server answers: files under a name, headers, the one HTML page."""

from dataclasses import replace
from urllib.parse import quote

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import HTMLResponse
from starlette.routing import Route

from backend.services.gallery import signed_links
from backend.web import dashboard
from backend.web.page_script import SCRIPT
from tests.services.client import ask_dashboard, visit

PAGE = "<!DOCTYPE html><html><head><title>Streamlit</title></head><body></body></html>"


def page_app(*media: str, **more: tuple[str, ...]) -> Starlette:
    """A kit with one page, which it compresses, as Streamlit does."""
    zipped = Middleware(GZipMiddleware, minimum_size=1)
    pages = [Route("/gallery", lambda _: HTMLResponse(PAGE))]
    return Starlette(routes=pages, middleware=[*dashboard.middleware(*media, **more), zipped])


@pytest.mark.parametrize(
    "name", ["red-dress.mp4", 'A "film".mp4', "Köln – 東京.mp4", "a\r\nb;c.mp4", "x" * 300]
)
@pytest.mark.parametrize("media_url", ["", "https://cdn.example/dailies"])
def test_a_download_has_its_name_whoever_serves_the_file(sidecar, link, name, media_url):
    """With MEDIA_URL the link leads to the sidecar; without it to the dashboard's own origin."""
    key = link.partition("?")[0].removeprefix("/media/")
    settings = sidecar.deps.settings.model_copy(update={"media_url": media_url})
    deps = replace(sidecar.deps, settings=settings)
    made = signed_links.dashboard_link(deps, key, download_as=name) or ""

    if media_url:
        answer = sidecar.get(made.removeprefix(media_url), who=None)
    else:
        answer = ask_dashboard(sidecar.deps, "GET", made)

    assert answer.status_code == 200
    told = answer.headers["Content-Disposition"]
    assert told.startswith('attachment; filename="')
    assert told.isascii()
    wanted = name if len(name) < 100 else "x" * 176 + ".mp4"
    assert told.endswith(f"; filename*=UTF-8''{quote(wanted, safe='')}")


def test_a_file_that_is_looked_at_is_no_download_and_a_download_keeps_the_ending_of_its_file(sidecar, link):
    assert sidecar.get(link, who=None).headers["Content-Disposition"].startswith("inline")
    told = sidecar.get(f"{link}&name=setup.exe", who=None).headers["Content-Disposition"]
    assert told.endswith("filename*=UTF-8''setup.exe.mp4")


@pytest.mark.parametrize("base", ["", "dailies", "/studio/dailies/"])
def test_files_lie_below_the_base_path_of_the_pages(sidecar, link, base):
    app = Starlette(routes=dashboard.routes(lambda: sidecar.deps, base_path=base))
    path = f"/app/static{link}"

    below = visit(app, f"/{base.strip('/')}{path}" if base else path)

    assert (below.status_code, len(below.content)) == (200, 1000)
    assert visit(app, path).status_code == (404 if base else 200)


@pytest.mark.parametrize(
    ("named", "older"),
    [(("'self'",), "SAMEORIGIN"), (("'none'",), "DENY"), (("'self'", "https://intranet.example"), None)],
)
def test_every_answer_says_who_may_frame_the_dashboard(named, older):
    for path in ("/gallery", "/nothing"):
        headers = visit(page_app(frame_ancestors=named), path).headers
        assert f"; frame-ancestors {' '.join(named)};" in headers["Content-Security-Policy"]
        assert headers.get("X-Frame-Options") == older


def test_pages_may_load_media_from_below_a_path_of_another_origin():
    """A policy that names a path without a slash at its end allows that one address alone."""
    policy = visit(page_app("https://cdn.example/dailies", ""), "/gallery").headers["Content-Security-Policy"]

    assert "media-src 'self' blob: https://cdn.example;" in policy
    assert "img-src 'self' data: blob: https://cdn.example;" in policy


def test_a_page_is_told_where_its_root_is_before_its_own_scripts_and_other_answers_stay_as_they_are():
    page = visit(page_app(), "/gallery", **{"Accept-Encoding": "gzip"})
    assert page.text == PAGE.replace("<head>", f"<head>{SCRIPT.decode()}")
    assert page.headers["Content-Length"] == str(len(page.content))

    other = visit(page_app(), "/gallery", **{"Accept-Encoding": "gzip", "Accept": "*/*"})
    assert (other.text, other.headers["Content-Encoding"]) == (PAGE, "gzip")
