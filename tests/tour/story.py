"""The main story as a silent moving picture: ask, see it arrive, cull by keys, save the best."""

import io
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page

from tests.tour.pages import open_page
from tests.tour.studio import PROMPTS, Studio

SIZE = {"width": 1360, "height": 860}
#: Of the picture; what is wider than a README's column is scaled down by browsers.
WIDTH = 960
MAX_BYTES = 2_000_000
#: Tried from the best on, until the picture is small enough.
QUALITIES = (80, 65, 50, 35, 20)


class Film:
    """Frames, each shown for so long, in milliseconds."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._frames: list[tuple[Image.Image, int]] = []

    def shoot(self, ms: int, times: int = 1) -> None:
        """Keep what the page shows now; times: so often, as time goes on."""
        for _ in range(times):
            with Image.open(io.BytesIO(self._page.screenshot())) as shot:
                height = round(shot.height * WIDTH / shot.width)
                frame = shot.convert("RGB").resize((WIDTH, height), Image.Resampling.LANCZOS)
            self._frames.append((frame, ms))

    def save(self, path: Path) -> None:
        """Write it as WebP, as good as fits into `MAX_BYTES`."""
        first, *others = (frame for frame, _ in self._frames)
        for quality in QUALITIES:
            made = io.BytesIO()
            first.save(
                made, "WEBP", save_all=True, append_images=others, duration=[ms for _, ms in self._frames],
                loop=0, quality=quality, method=4,
            )  # fmt: skip
            if len(made.getvalue()) <= MAX_BYTES:
                path.write_bytes(made.getvalue())
                print(f"the story: {len(self._frames)} pictures, {len(made.getvalue()):,} bytes", flush=True)
                return
        raise AssertionError("the story is too long for its size")


def film(chromium: Browser, studio: Studio, path: Path) -> None:
    """Play the story, and keep it."""
    context = chromium.new_context(viewport=SIZE, color_scheme="light", reduced_motion="no-preference")
    page = open_page(context.new_page(), studio, "/")
    story = Film(page)
    _ask(page, story)
    _cull(page, studio, story)
    _save_best(page, story)
    context.close()
    story.save(path)


def _ask(page: Page, story: Film) -> None:
    story.shoot(900)
    field = page.locator(".st-key-form-prompt textarea")
    for end in range(12, len(PROMPTS[0]) + 12, 12):
        field.fill(PROMPTS[0][:end])
        story.shoot(160)
    field.press("Tab")
    page.wait_for_timeout(1500)
    story.shoot(900)
    page.get_by_role("button", name="Generate · ").click()
    page.get_by_text("Saved. You can close this tab.").first.wait_for()
    story.shoot(1400)


def _cull(page: Page, studio: Studio, story: Film) -> None:
    open_page(page, studio, "/gallery")
    story.shoot(1500)
    card = page.get_by_test_id("take-card").first
    card.hover()
    story.shoot(300, times=3)
    card.locator("a.open").focus()
    for key, ms in (
        ("Enter", 900),
        ("5", 900),
        ("f", 900),
        ("ArrowRight", 700),
        ("x", 900),
        ("ArrowRight", 700),
    ):
        page.keyboard.press(key)
        page.wait_for_timeout(700)
        story.shoot(ms)
    page.keyboard.press("4")
    page.wait_for_timeout(500)
    story.shoot(300, times=4)
    page.keyboard.press("Escape")
    page.wait_for_timeout(600)
    story.shoot(900)


def _save_best(page: Page, story: Film) -> None:
    page.get_by_test_id("take-card").first.locator("a.open").focus()
    for key in ("Space", "ArrowRight", "ArrowRight", "Space", "ArrowRight", "Space"):
        page.keyboard.press(key)
        page.wait_for_timeout(250)
    page.wait_for_timeout(500)
    story.shoot(1200)
    page.get_by_role("button", name="Other ways to download").click()
    page.wait_for_timeout(400)
    story.shoot(2500)
