"""The pages that show the same with and without logins, as pictures: light and dark, and on a phone."""

import io
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page

from tests.tour.studio import Studio

READY = '[data-testid=stApp][data-test-script-state="notRunning"]'
#: The kit fetches its parts one by one, and shows grey bars for those that have not come.
DRAWN = "() => !document.querySelector('[data-testid=stSkeleton], [data-testid=stAppSkeleton]')"
#: Pictures and fonts come a moment after the script that draws a page.
SETTLE_MS = 2500
DESK, PHONE = {"width": 1400, "height": 900}, {"width": 390, "height": 844}
#: picture -> the page's path
PAGES = {
    "generate": "/",
    "gallery": "/gallery",
    "take": "/take?take={take}",
    "activity": "/activity",
    "experiments": "/experiments",
    "experiment": "/experiment?id={experiment}&step=learn",
    "experiment-run": "/experiment?id={experiment}&step=run",
    "spend": "/spend",
    "models": "/models",
    "style": "/style",
    "operations": "/operations",
    "audit": "/audit",
}
#: What people do on the way.
ON_PHONES = ("generate", "gallery", "take", "activity", "experiment")


def take_pictures(chromium: Browser, studio: Studio, name: str, path: str, folder: Path) -> None:
    """`name-light.png`, `name-dark.png`, and of some pages `name-phone.png`."""
    for theme in ("light", "dark"):
        context = chromium.new_context(viewport=DESK, color_scheme=theme)
        _keep(open_page(context.new_page(), studio, path), folder / f"{name}-{theme}.png")
        context.close()
    if name in ON_PHONES:
        context = chromium.new_context(viewport=PHONE, color_scheme="light", has_touch=True, is_mobile=True)
        _keep(open_page(context.new_page(), studio, path), folder / f"{name}-phone.png")
        context.close()
    print(f"{name} is taken", flush=True)


def _keep(page: Page, path: Path) -> None:
    """As a PNG of 256 colours: a third of the bytes, and nobody sees it."""
    with Image.open(io.BytesIO(page.screenshot())) as shot:
        shot.convert("RGB").quantize(256, dither=Image.Dither.FLOYDSTEINBERG).save(path, optimize=True)


def open_page(page: Page, studio: Studio, path: str) -> Page:
    """A page that is drawn."""
    page.set_default_timeout(180_000)
    page.goto(studio.address + path)
    page.wait_for_selector(READY)
    page.wait_for_function(DRAWN)
    page.wait_for_timeout(SETTLE_MS)
    return page
