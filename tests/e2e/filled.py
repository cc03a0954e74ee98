"""An installation whose takes are all here, for what only looks at them: no worker, no provider."""

from pathlib import Path

from backend.domain.states import JobEvent
from simulator.paint.render import render_video
from tests.e2e.installation import Installation
from tests.services.receiving import WAY
from tests.viewers import LOCAL_VIEWER
from tests.world import World

#: Length in seconds, frames a second, width, height.
SHAPES = ((3, 24, 160, 90), (4, 30, 90, 160), (3, 12, 128, 128))


def make_clips(folder: Path, scale: int = 1) -> list[bytes]:
    """A real clip of each of `SHAPES`, so many times as large."""
    made = []
    for seconds, fps, width, height in SHAPES:
        path = folder / f"{fps}.mp4"
        looks = {"prompt": "", "seed": fps, "fps": fps, "width": width * scale, "height": height * scale}
        render_video({"path": str(path), "first": None, "last": None, "duration_s": seconds, **looks})
        made.append(path.read_bytes())
    return made


def fill(installation: Installation, clips: list[bytes], takes: int) -> None:
    """So many stored takes, each with a file of its own, of prompts that differ in a colour and a number."""
    installation._put_database()
    with installation.deps() as deps:
        world = World(deps, sim=None)
        for number in range(takes):
            colour = ("red", "blue")[number % 2]
            job = world.ask(f"A {colour} dress, slow wind, take {number}", viewer=LOCAL_VIEWER)
            for event in WAY["stored"][:-1]:
                values = {"request_id": job.id} if event == JobEvent.ACCEPTED else {}
                world.advance(job, event, **values)
            world.saved(job, clips[number % len(clips)] + b"\0\0\0\x2cfree" + job.id.encode())
