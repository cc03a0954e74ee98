"""Is a file a whole video? Judged in a child process that can crash, hang or swell alone."""

import os
import random
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from PIL import Image

from backend.domain.errors import MediaBroken, StorageFull
from backend.media.decode import sandbox
from backend.media.decode.inspect import inspect_video, make_preview
from tests.adapters.storages import part
from tests.waiting import PATIENCE_S, eventually
from tests.world import picture

FAST = {"movflags": "+faststart"}
NOISE = random.Random(5).randbytes(50_000)
#: name -> how the video is made
KINDS: dict[str, dict[str, Any]] = {
    "mp4": {},
    "mp4 faststart": FAST,
    "mp4 with sound": {"audio": True, **FAST},
    "mp4 in fragments": {"movflags": "frag_keyframe+empty_moov", "seconds": 2.0},
    "mov": {"extension": "mov"},
    "webm": {"extension": "webm"},
    "webm with sound": {"extension": "webm", "audio": True},
}


def refused(path: Path, why: str | None = None) -> None:
    with pytest.raises(MediaBroken, match=why):
        inspect_video(path)


@pytest.mark.parametrize("kind", KINDS)
def test_a_whole_video_is_taken_and_described(kind, make_video, tmp_path):
    made = KINDS[kind]
    found = inspect_video(part(tmp_path, make_video(**made)))
    assert found.extension == made.get("extension", "mp4")
    assert found.content_type == {"mov": "video/quicktime"}.get(found.extension, f"video/{found.extension}")
    assert found.duration_s == pytest.approx(made.get("seconds", 1.0), abs=0.15)
    assert (found.width, found.height) == (320, 180)
    assert found.fps == pytest.approx(24, abs=0.1)
    assert found.codec == ("vp8" if found.extension == "webm" else "h264")
    assert found.has_audio is made.get("audio", False)


def test_a_video_padded_with_a_free_box_is_whole(make_video, tmp_path):
    free = (1_000_000).to_bytes(4) + b"free" + bytes(1_000_000 - 8)
    assert inspect_video(part(tmp_path, make_video() + free)).duration_s == pytest.approx(1.0, abs=0.1)


def test_a_turned_video_is_described_and_drawn_as_it_is_shown(make_video, tmp_path):
    one = b"\0\1\0\0"
    upright = one + bytes(12) + one + bytes(12) + b"@\0\0\0"
    quarter = bytes(4) + one + bytes(4) + b"\xff\xff\0\0" + bytes(16) + b"@\0\0\0"
    before, _, after = make_video().rpartition(upright)  # the one of its track
    found = inspect_video(part(tmp_path, before + quarter + after), poster=tmp_path / "p.webp")
    assert (found.width, found.height) == (180, 320)
    with Image.open(tmp_path / "p.webp") as poster:
        assert poster.size == (180, 320)


@pytest.mark.parametrize(
    ("made", "size"),
    [({"size": (1280, 720), "seconds": 0.25}, (640, 360)), ({"dark_first": True}, (320, 180))],
    ids=["large", "fades in"],
)
def test_a_poster_is_a_webp_of_at_most_640_pixels_that_shows_something(make_video, tmp_path, made, size):
    poster = tmp_path / "poster"
    for _ in range(2):  # the second finds the first one's
        inspect_video(part(tmp_path, make_video(**made)), poster=poster)
    assert poster.stat().st_mode & 0o777 == 0o600
    with Image.open(poster) as image:
        assert (image.format, image.size) == ("WEBP", size)
        assert image.convert("L").resize((1, 1)).getpixel((0, 0)) > 60


@pytest.mark.parametrize(("extension", "seconds"), [("mp4", 4.0), ("webm", 0.25)])
def test_a_preview_is_short_small_and_mute(extension, seconds, make_video, tmp_path):
    preview = tmp_path / "preview"
    make_preview(part(tmp_path, make_video(extension, seconds=seconds, size=(640, 360), audio=True)), preview)
    found = inspect_video(preview)
    assert found.extension == "webm"
    assert found.duration_s == pytest.approx(min(seconds, 3.0), abs=0.1)
    assert (found.width, found.height, found.has_audio) == (320, 180, False)
    assert preview.stat().st_size < 400_000


def test_nothing_is_left_where_no_preview_can_be_made(tmp_path):
    with pytest.raises(MediaBroken):
        make_preview(part(tmp_path, b"<html>"), tmp_path / "preview")
    assert not (tmp_path / "preview").exists()


# -- cut and damaged ----------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.5, 2 / 3, 0.99, 1.0])
@pytest.mark.parametrize("kind", KINDS)
def test_a_cut_video_is_refused(kind, share, make_video, tmp_path):
    content = make_video(**KINDS[kind])
    refused(part(tmp_path, content[: min(int(len(content) * share), len(content) - 1)]))


def _mended(content: bytes, at: int) -> bytes:
    """Cut, and mended so that the boxes add up again."""
    cut = content[: at + (len(content) - at) * 2 // 3]
    return cut[:at] + (len(cut) - at).to_bytes(4) + cut[at + 4 :]


def _holed(content: bytes, at: int) -> bytes:
    """As a file system may leave it after a crash."""
    middle, hole = (at + len(content)) // 2, len(content) // 6
    return content[:middle] + bytes(hole) + content[middle + hole :]


@pytest.mark.parametrize(
    ("damaged", "why"),
    [
        (lambda content, at: content[:at], "pictures are missing"),
        (lambda content, at: content[:at] + b"\0\0\0\x08mdat", None),
        (_mended, "cut"),
        (_holed, "hole|damaged|read"),
        (lambda content, at: content[:-20_000] + NOISE[:20_000], None),
    ],
    ids=["cut between boxes", "an empty box", "fewer pictures than promised", "a hole", "noise at its end"],
)
def test_a_damaged_video_is_refused(damaged, why, make_video, tmp_path):
    content = make_video(seconds=2.0, **FAST)
    refused(part(tmp_path, damaged(content, content.index(b"mdat") - 4)), why)


def test_a_live_recording_that_is_shorter_than_it_says_is_refused(make_video, tmp_path):
    content = make_video("webm", seconds=4.0, size=(160, 90), cluster_time_limit="500")
    segment = content.index(bytes.fromhex("18538067")) + 4
    content = content[:segment] + b"\x01" + b"\xff" * 7 + content[segment + 8 :]
    clusters = [at for at in range(len(content)) if content.startswith(bytes.fromhex("1f43b675"), at)]
    assert len(clusters) > 4
    refused(part(tmp_path, content[: clusters[len(clusters) // 2]]), "it tells 4.* s and holds")


def test_a_video_without_a_picture_is_refused(make_video, tmp_path):
    refused(part(tmp_path, make_video(seconds=0)))
    refused(part(tmp_path, make_video(size=(0, 0), audio=True)), "no video")


START = b"\0\0\0\x18ftypmp42" + bytes(12)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "empty"),
        (b"<!doctype html><html><body>404</body></html>", "web page"),
        (b"\n\n  <?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", "web page or XML"),
        (b'{"detail": "not found"}', "JSON"),
        (b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:9,\nhttp://127.0.0.1:1/secret\n", "playlist"),
        (b"ffconcat version 1.0\nfile /etc/passwd\n", "something else"),
        *[(noise, "something else") for noise in (bytes(range(256)) * 400, bytes(100_000))],
        *[(b"\x1a\x45\xdf\xa3" + rest, "cut|damaged|WebM") for rest in (b"", bytes(5000))],
        (START, "index is missing"),
        (START + b"<html>", "cut|damaged"),
        (START + b"\0\0\0\1mdat" + b"\xff" * 8, "cut"),
        (START + b"\0\0\0\x08moov" + b"\0\0\0\x08mdat", None),
        (START + (50_008).to_bytes(4) + b"moov" + NOISE, None),
        *[(picture(kind), "picture") for kind in ("PNG", "JPEG", "WEBP", "GIF")],
        (b"%PDF-1.7 ...", "PDF"),
    ],
    ids=lambda one: ascii(one)[:40],
)
def test_what_is_no_video_is_refused_with_a_reason(content, why, tmp_path):
    refused(part(tmp_path, content), why)


def test_only_a_regular_file_is_looked_at(make_video, tmp_path):
    link, pipe = tmp_path / "link", tmp_path / "pipe"
    link.symlink_to(part(tmp_path, make_video()))
    os.mkfifo(pipe)
    for path in (link, pipe, tmp_path):
        with pytest.raises(Exception, match=r"symbolic|regular|directory"):
            inspect_video(path, timeout_s=PATIENCE_S)


def test_a_mutated_video_is_judged_and_never_hurts_the_caller(make_video, tmp_path):
    content = bytearray(make_video(seconds=0.25))
    start = content.index(b"moov")
    for number in range(60):
        mutated = bytearray(content)
        for step in range(8):
            mutated[start + (number * 131 + step * 37) % (len(content) - start)] = (number * 17 + step) % 256
        try:
            inspect_video(part(tmp_path, bytes(mutated)), timeout_s=10)
        except MediaBroken:
            continue


# -- the child ----------------------------------------------------------------------------------


def server() -> psutil.Process:
    sandbox.warm_up()
    children = psutil.Process().children()
    (found,) = [each for each in children if sandbox.__name__ in " ".join(each.cmdline())]
    return found


@pytest.mark.parametrize(
    ("task", "options", "limit_s", "why"),
    [
        ("os:abort", {}, PATIENCE_S, "crashes"),
        ("signal:pause", {}, 0.3, "too long"),
        ("builtins:pow", {"base": 3, "exp": 10**9}, 0.3, "too long"),  # deep in its work: by the kernel
        ("builtins:bytearray", {"source": 3 * 1024**3}, PATIENCE_S, "memory"),
        ("threading:current_thread", {}, PATIENCE_S, None),  # a result that is none is not taken for one
    ],
)
def test_a_child_that_crashes_hangs_swells_or_says_odd_things_is_ended_alone(task, options, limit_s, why):
    before = server()
    with pytest.raises(sandbox.RejectedFile, match=why) as told:
        sandbox.run_task(task, limit_s, **options)
    assert isinstance(told.value, sandbox.UnfinishedTask) == (why != "memory")
    assert sandbox.run_task("os:getppid", PATIENCE_S) == before.pid


def test_a_child_cannot_write_without_end(tmp_path):
    (tmp_path / "f").touch()
    with pytest.raises(StorageFull, match="too large"):
        sandbox.run_task("os:truncate", PATIENCE_S, path=str(tmp_path / "f"), length=1024**3)


def test_a_child_knows_no_secrets_and_a_server_that_was_killed_is_started_again(monkeypatch):
    monkeypatch.setenv("FAL_KEY", "secret")
    before = server()
    before.kill()
    assert sandbox.run_task("os:getenv", PATIENCE_S, key="FAL_KEY") is None
    assert sandbox.run_task("os:getppid", PATIENCE_S) not in {before.pid, None}


def test_many_threads_are_served_and_nothing_of_it_remains(make_video, tmp_path):
    path, others = part(tmp_path, make_video(seconds=0.25)), set(psutil.Process().children())
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: inspect_video(path).width, range(24)))
        assert sandbox.run_task("threading:active_count", PATIENCE_S) == 2, "threads of the caller live on"
    assert found == [320] * 24
    eventually(lambda: set(psutil.Process().children()) - others <= {server()})
    eventually(lambda: server().children(recursive=True) == [])


def test_the_children_of_a_killed_worker_end_with_it():
    program = "from backend.media.decode import sandbox; sandbox.run_task('signal:pause', 600)"
    with subprocess.Popen([sys.executable, "-c", program]) as worker:

        def at_work() -> list[psutil.Process]:
            """The server and its one child, once a thread of that one watches for the end of its owner."""
            found = psutil.Process(worker.pid).children(recursive=True)
            return found if [each.num_threads() for each in found][1:] == [2] else []

        below = eventually(at_work)
        worker.kill()
    eventually(lambda: not any(alive(each) for each in below))


def alive(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return process.status() != psutil.STATUS_ZOMBIE
    return False


def test_ctrl_c_in_the_terminal_stops_the_worker_and_not_its_work():
    """The terminal sends SIGINT to the whole foreground group; work in hand may be finished."""
    program = """
import select, signal
from backend.media.decode import sandbox

first = sandbox.run_task("os:getppid", 30)
signal.signal(signal.SIGHUP, signal.SIG_IGN)
signal.signal(signal.SIGINT, lambda *_: print("asked", flush=True))
print("ready", flush=True)
# A read that begins just after the signal would keep the handler waiting for ever.
while not select.select([0], [], [], 0.05)[0]:
    pass
print(sandbox.run_task("os:getppid", 30) == first)
"""
    command, pipe = [sys.executable, "-c", program], subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True) as worker:
        assert worker.stdout.readline() == b"ready\n"
        os.killpg(worker.pid, signal.SIGHUP)
        os.killpg(worker.pid, signal.SIGINT)
        assert worker.stdout.readline() == b"asked\n"
        out, err = worker.communicate(b"x", timeout=PATIENCE_S)

    assert (out, err) == (b"True\n", b"")


def test_checking_does_not_import_the_decoders_into_the_caller():
    imports = "import sys; import backend.media.decode.inspect, backend.media.decode.clean_photo"
    program = f"{imports}; print(*sys.modules)"
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True)
    assert not {"av", "PIL", "numpy"} & set(out.stdout.split())
