"""Programs that no wheel brings and some tests drive: where they are, and how to come by them.

`python -m tests.programs` gets what is missing: on Debian and Ubuntu by apt, with the right to install; a
Chromium that apt doesn't have by Playwright. What can't be had is said in one line, and tests with the
mark `needs(program)` are skipped.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

#: Each program, and Debian's packages for it. Playwright's driver needs libatomic1.
PACKAGES = {
    "chromium": "chromium chromium-headless-shell libatomic1",
    "nginx": "nginx-light",
    "ip": "iproute2",
}
#: Chromium without what belongs to its window. It does the same for a fifth less of the processor (42.7 s and
#: 34.8 s for three stories), but for notices on a desktop.
SHELL = "chromium-headless-shell"
#: Prints the path of a Chromium that Playwright has got.
PLAYWRIGHTS_OWN = """
from pathlib import Path
from playwright.sync_api import sync_playwright
with sync_playwright() as play:
    if Path(play.chromium.executable_path).exists():
        print(play.chromium.executable_path)
"""
#: How long one package may take, in seconds.
GET_S = 600


@cache
def find(name: str) -> str | None:
    """The path of a program, or None. Chromium may be Playwright's own; it counts where Playwright starts."""
    if name == "chromium" and not _ran([sys.executable, "-m", "playwright", "--version"]):
        return None
    path = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if path and not path.startswith("/snap/"):  # a snap sees no file of a test
        return path
    if name == "chromium":
        asked = subprocess.run([sys.executable, "-c", PLAYWRIGHTS_OWN], capture_output=True, text=True)
        return asked.stdout.strip() or None
    return None


def path_of(name: str) -> str:
    """The path of a program that is here."""
    path = find(name)
    assert path, how_to_get()
    return path


def browser_path() -> str:
    """The path of what tests drive as a browser: the whole Chromium where there is no `SHELL`."""
    return find(SHELL) or path_of("chromium")


def ask_for_needs(item: pytest.Item) -> None:
    """Skip a test whose programs are missing; with CI=true it fails."""
    names = [name for mark in item.iter_markers("needs") for name in mark.args]
    if all(find(name) for name in names):
        return
    if os.environ.get("CI") == "true":
        pytest.fail(how_to_get(), pytrace=False)
    pytest.skip(how_to_get())  # here and in the same words for all of them: one line of the report


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A file system of so few bytes ("1m") in the place of this folder; skips who has no right to mount."""
    folder.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(folder)]
    if os.geteuid() != 0 or not _ran(command):
        pytest.skip("no right to mount a small disk here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def missing() -> list[str]:
    return [name for name in PACKAGES if find(name) is None]


def how_to_get() -> str:
    """One line for everything that is missing."""
    names, packages = missing(), " ".join(PACKAGES[name] for name in missing())
    line = f"not on this machine: {', '.join(names)}; apt-get install {packages}"
    return f"{line}, or playwright install chromium" if "chromium" in names else line


def get() -> None:
    """Get what is missing, as far as this machine allows."""
    root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    by_apt = bool(shutil.which("apt-get")) and _ran([*root, "true"])
    apt = [*root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq"]
    wanted = missing() or ([] if find(SHELL) else ["chromium"])
    if by_apt and wanted:
        _ran([*apt, "update"])
    for name in wanted if by_apt else []:
        print(f"Getting {PACKAGES[name]} by apt …", flush=True)
        for package in PACKAGES[name].split():  # one by one: Ubuntu has no package of Chromium
            _ran([*apt, "install", "--yes", "--no-install-recommends", package])
        if name == "nginx" and Path("/run/systemd/system").exists():
            _ran([*root, "systemctl", "disable", "--now", "nginx"])  # the tests start their own
    find.cache_clear()
    if "chromium" in missing():
        print("Getting Playwright's Chromium …", flush=True)
        libraries = ["--with-deps"] if by_apt else []
        _ran([sys.executable, "-m", "playwright", "install", *libraries, "chromium"])
        find.cache_clear()
    if missing():
        print(how_to_get())


def _ran(command: list[str]) -> bool:
    """Run a command without a word of its own; whether it did what it should."""
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=GET_S)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


if __name__ == "__main__":
    get()
