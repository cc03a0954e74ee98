"""Every page as a picture: light and dark, and on a phone."""

from pathlib import Path

from playwright.sync_api import Browser, Page

from tests.tour.studio import Studio

READY = '[data-testid=stApp][data-test-script-state="notRunning"]'
#: Pictures and fonts come a moment after the script that draws a page.
SETTLE_MS = 2500
DESK, PHONE = {"width": 1400, "height": 900}, {"width": 390, "height": 844}
#: picture -> the page's path
PAGES = {
    "generate": "/",
    "gallery": "/gallery",
    "take": "/take?take={take}",
    "activity": "/activity",
    "spend": "/spend",
    "models": "/models",
    "style": "/style",
    "operations": "/operations",
    "account": "/account",
    "people": "/people",
    "audit": "/audit",
}
#: What people do on the way.
ON_PHONES = ("generate", "gallery", "take", "activity")


def take_pictures(chromium: Browser, studio: Studio, name: str, path: str, folder: Path) -> None:
    """`name-light.png`, `name-dark.png`, and of some pages `name-phone.png`."""
    for theme in ("light", "dark"):
        context = chromium.new_context(viewport=DESK, color_scheme=theme)
        open_page(context.new_page(), studio, path).screenshot(path=folder / f"{name}-{theme}.png")
        context.close()
    if name in ON_PHONES:
        context = chromium.new_context(viewport=PHONE, color_scheme="light", has_touch=True, is_mobile=True)
        open_page(context.new_page(), studio, path).screenshot(path=folder / f"{name}-phone.png")
        context.close()
    print(f"{name} is taken", flush=True)


def open_page(page: Page, studio: Studio, path: str) -> Page:
    """A page that is drawn."""
    page.set_default_timeout(180_000)
    page.goto(studio.address + path)
    page.wait_for_selector(READY)
    page.wait_for_timeout(SETTLE_MS)
    return page
