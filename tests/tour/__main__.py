"""Take every picture anew: `python -m tests.tour`, or only some: `python -m tests.tour story gallery`."""

import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests import programs
from tests.tour import pages, story
from tests.tour.experiment import run_experiment
from tests.tour.studio import Studio

PICTURES = Path(__file__).resolve().parents[2] / "docs" / "pictures"


def main(wanted: list[str]) -> int:
    """The exit code: 0 when every picture was taken."""
    with tempfile.TemporaryDirectory(prefix="tour-") as folder, ExitStack() as stack:
        studio = Studio(stack, Path(folder))
        studio.fill()
        known = {"take": studio.best, "experiment": run_experiment(studio)}
        play = stack.enter_context(sync_playwright())
        chromium = play.chromium.launch(
            executable_path=programs.path_of("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        stack.callback(chromium.close)
        for name, path in pages.PAGES.items():
            if not wanted or name in wanted:
                pages.take_pictures(chromium, studio, name, path.format(**known), PICTURES)
        if not wanted or "story" in wanted:
            story.film(chromium, studio, PICTURES / "story.webp")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
