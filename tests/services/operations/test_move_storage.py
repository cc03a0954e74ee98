"""Moving every file while everything runs: nothing is missing at any moment, nothing altered comes along."""

import hashlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backend.bootstrap import build_deps
from backend.domain.errors import SettingsError, StorageDown, StorageFull, StorageMisconfigured
from backend.media.storage.local import LocalStorage
from backend.services.operations import sweep
from backend.services.storage import migrate as storage_migration
from backend.services.storage import relocatable
from backend.services.storage.migrate import MoveResult, move_storage
from backend.settings import load_settings
from backend.store.database.schema.migrate import migrate_schema
from tests import bucket
from tests.waiting import eventually

ROOT = Path(__file__).parents[3]
FILES = 90


@pytest.fixture
def name(no_environment: None, monkeypatch: pytest.MonkeyPatch) -> str:
    """A bucket that is known to every process, and used by none yet."""
    server = bucket.server()
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", bucket.KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", bucket.SECRET)
    return server.new_bucket()


@pytest.fixture
def made(name: str) -> Iterator[list[Any]]:
    """Two processes' worth of deps, on one database, whose settings name the folder."""
    both = [build_deps(load_settings()) for _ in range(2)]
    migrate_schema(both[0].store)
    yield both
    for deps in both:
        deps.store.close()


def put(deps: Any, content: bytes) -> str:
    key = f"{hashlib.sha256(content).hexdigest()}.mp4"
    deps.settings.parts_dir.mkdir(exist_ok=True)
    part = deps.settings.parts_dir / f"made-{key[:12]}"
    part.write_bytes(content)
    deps.storage.put_file(part, key)
    return key


def content_of(deps: Any, key: str) -> bytes:
    with deps.storage.open(key) as file:
        content: bytes = file.read()
        return content


def at(name: str) -> set[str]:
    pages = bucket.server().client().get_paginator("list_objects_v2").paginate(Bucket=name)
    return {one["Key"] for page in pages for one in page.get("Contents", [])}


def quiet(line: str) -> None:
    """Progress that nobody reads."""


def move_to(deps: Any, name: str) -> MoveResult:
    return move_storage(deps, deps.settings.resolved_storage_url, f"s3://{name}", on_progress=quiet)


def move_under(mover: Any, name: str, monkeypatch: pytest.MonkeyPatch, *, altered: bool = False) -> None:
    """Who puts the next file into the folder sleeps while everything moves; then the file may be altered."""
    whole = LocalStorage.put_file

    def asleep(self: LocalStorage, part: Path, key: str) -> None:
        monkeypatch.setattr(LocalStorage, "put_file", whole)
        move_to(mover, name)
        whole(self, part, key)
        if altered:
            (self.root / key).write_bytes(b"ALTERED")

    monkeypatch.setattr(LocalStorage, "put_file", asleep)


def place_of(deps: Any) -> str:
    """Where new files go, as the database says."""
    current: str = deps.storage.current_places(uncached=True).current
    return current


def test_everything_comes_along_while_files_arrive_and_is_there_at_every_moment(
    made: list[Any], name: str
) -> None:
    mover, other = made
    keys = [put(mover, f"film {number}".encode()) for number in range(FILES)]
    stop, failed = threading.Event(), []

    def live() -> None:
        """Another process: it goes on taking in and showing files."""
        number = 0
        while not stop.is_set():
            number += 1
            keys.append(put(other, f"late {number}".encode()))
            for key in (keys[0], keys[number % FILES], keys[-1]):
                try:
                    content_of(other, key)
                except (OSError, StorageFull) as error:
                    failed.append(f"{key}: {error!r}")

    thread = threading.Thread(target=live)
    thread.start()
    try:
        done = move_to(mover, name)
        late = len(keys)
        eventually(lambda: len(keys) > late + 3)
    finally:
        stop.set()
        thread.join()

    assert failed == []
    assert done.problems == []
    assert done.copied >= FILES
    assert len(keys) > FILES
    assert at(name) == set(keys)
    for deps in (mover, other):
        assert hashlib.sha256(content_of(deps, keys[3])).hexdigest() == keys[3][:64]
        assert deps.storage.link_origins() == (bucket.server().url,)


def test_a_move_that_is_killed_in_the_middle_goes_on(made: list[Any], name: str) -> None:
    deps, other = made
    keys = {put(deps, f"film {number}".encode() * 1000) for number in range(3 * FILES)}
    target = f"s3://{name}"
    command = [sys.executable, "-m", "backend", "move-storage", deps.settings.resolved_storage_url, target]
    running = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    assert running.stderr is not None
    first = running.stderr.readline()
    running.send_signal(signal.SIGKILL)
    running.wait()
    running.stderr.close()
    assert first.startswith("64 of ")
    there = at(name)
    assert 64 <= len(there) < len(keys)

    # -- between the two runs everything is to be had, and new files go to the new place
    assert all(content_of(other, key) for key in keys)
    late = put(other, b"late")
    assert late in at(name)

    again = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=120)

    assert f"Every process uses {target} by now" in again.stdout
    assert int(again.stdout.split()[1]) <= len(keys) - 64  # what was compared is not compared again
    assert at(name) == keys | {late}
    assert not list(deps.settings.parts_dir.glob("made-*"))


def test_an_altered_file_stays_behind_and_is_told_of(made: list[Any], name: str) -> None:
    deps = made[0]
    good, bad = put(deps, b"good"), put(deps, b"bad")
    Path(deps.settings.resolved_storage_url.removeprefix("file://"), bad).write_bytes(b"BAD")

    done = move_to(deps, name)

    assert done.problems == [f"{bad} is not what its name says"]
    assert at(name) == {good}


def test_what_lies_at_the_new_place_under_a_name_and_is_something_else_is_replaced(
    made: list[Any], name: str
) -> None:
    deps = made[0]
    keys = [put(deps, b"same size"), put(deps, b"another")]
    for key in keys:
        bucket.server().client().put_object(Bucket=name, Key=key, Body=b"SAME SIZE")

    move_to(deps, name)

    there = [bucket.server().client().get_object(Bucket=name, Key=key)["Body"].read() for key in keys]
    assert there == [b"same size", b"another"]  # past the program, which may still read at the old place


def test_a_worker_that_slept_through_the_move_brings_its_file_along(
    made: list[Any], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    mover, sleeper = made
    put(mover, b"first")
    move_under(mover, name, monkeypatch)
    key = put(sleeper, b"second")

    assert key in at(name)


def test_there_and_back_with_settings_that_still_name_the_first_place(made: list[Any], name: str) -> None:
    deps, other = made
    folder, target = deps.settings.resolved_storage_url, f"s3://{name}"
    keys = [put(deps, b"one")]
    move_storage(deps, folder, target, on_progress=quiet)
    keys.append(put(other, b"two"))

    move_storage(deps, target, folder, on_progress=quiet)

    assert place_of(deps) == folder
    root = Path(folder.removeprefix("file://"))
    assert all((root / key).is_file() for key in keys)
    move_storage(deps, folder, f"{target}/second", on_progress=quiet)
    assert place_of(other) == f"{target}/second"


class Interleaved(relocatable.RelocatableStorage):
    """Whoever looks is met, when the answer is in, by a thread that began to look earlier and was slow."""

    slow: threading.Thread | None = None

    @property
    def _seen_at(self) -> float:
        return self._at_s

    @_seen_at.setter
    def _seen_at(self, at_s: float) -> None:
        self._at_s = at_s
        if self.slow is not None and threading.current_thread() is not self.slow:
            self.go.set()
            self.slow.join(20)

    def begin_slowly(self) -> None:
        """Have a thread look; it has its answer, and goes on only when another one has its own."""
        self.go, has_read, read = threading.Event(), threading.Event(), self._read

        def slowly() -> relocatable.Places:
            seen = read()
            if threading.current_thread() is self.slow:
                has_read.set()
                assert self.go.wait(20)
            return seen

        self._read = slowly  # type: ignore[method-assign]
        self.slow = threading.Thread(target=self.current_places, kwargs={"uncached": True})
        self.slow.start()
        assert has_read.wait(20)


def test_a_fresh_look_is_not_answered_with_the_older_one_of_another_thread(
    made: list[Any], name: str
) -> None:
    """Or a file would be put where a move has been already."""
    mover, other = made
    settings = other.settings
    storage = Interleaved(
        other.store, other.clock, settings.resolved_storage_url, other.open_storage, settings.parts_dir
    )
    storage.begin_slowly()
    move_storage(mover, settings.resolved_storage_url, f"s3://{name}", on_progress=quiet)

    assert storage.current_places(uncached=True) == relocatable.Places(f"s3://{name}")


def test_after_a_restore_files_lie_where_the_settings_say(made: list[Any], name: str) -> None:
    deps, other = made
    usual, key = deps.settings.resolved_storage_url, put(deps, b"one")
    move_storage(deps, usual, f"s3://{name}", on_progress=quiet)

    relocatable.forget_move(deps)  # as the command `restore` does, when it has put files into the usual place

    assert place_of(other) == usual
    assert content_of(other, key) == b"one"


def test_a_move_that_is_asked_for_again_says_that_it_is_done(made: list[Any], name: str) -> None:
    deps = made[0]
    here = deps.settings.resolved_storage_url
    move_storage(deps, here, f"s3://{name}", on_progress=quiet)
    with pytest.raises(SettingsError, match="is done"):
        move_storage(deps, here, f"s3://{name}", on_progress=quiet)


def test_wrong_places_change_nothing(made: list[Any], name: str) -> None:
    deps = made[0]
    here = deps.settings.resolved_storage_url
    for source, target, why in (
        (here, here, "same place"),
        ("file:///elsewhere", f"s3://{name}", "do not lie in"),
        (here, "s3://not-there-at-all", "TO can't be used: There is no bucket"),
        (here, "ftp://x", "must be"),
        (here, f"{here}/new", "within each other"),
        (here, here.rpartition("/")[0], "within each other"),
    ):
        with pytest.raises(SettingsError, match=why):
            move_storage(deps, source, target, on_progress=quiet)

    assert deps.storage.link_origins() == ()


def test_control_without_the_second_look_a_slept_through_file_would_be_left_behind(
    made: list[Any], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def careless(self: relocatable.RelocatableStorage, part: Path, key: str) -> None:
        self._at(self.current_places(uncached=True).current).put_file(part, key)

    monkeypatch.setattr(relocatable.RelocatableStorage, "put_file", careless)
    with pytest.raises(AssertionError):
        test_a_worker_that_slept_through_the_move_brings_its_file_along(made, name, monkeypatch)


def test_control_a_look_answered_with_what_was_seen_last_would_be_caught(
    made: list[Any], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = relocatable.RelocatableStorage.current_places

    def last_seen(self: relocatable.RelocatableStorage, *, uncached: bool = False) -> relocatable.Places:
        look(self, uncached=uncached)
        return self._seen

    monkeypatch.setattr(relocatable.RelocatableStorage, "current_places", last_seen)
    with pytest.raises(AssertionError):
        test_a_fresh_look_is_not_answered_with_the_older_one_of_another_thread(made, name)


def test_control_a_move_that_compares_nothing_would_be_caught(
    made: list[Any], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sizes_alone(source: Any, target: Any, key: str, parts: Path) -> int:
        with source.open(key) as file:
            content = file.read()
        if target.size(key) == len(content):
            return 0
        part = parts / f"made-{os.urandom(4).hex()}"
        part.write_bytes(content)
        target.remove(key)
        target.put_file(part, key)
        return len(content)

    monkeypatch.setattr(storage_migration, "copy_file", sizes_alone)
    with pytest.raises(AssertionError):
        test_what_lies_at_the_new_place_under_a_name_and_is_something_else_is_replaced(made, name)


def test_a_process_that_never_got_the_buckets_keys_goes_on_sweeping(
    made: list[Any], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was not started again before the move, as it should have been: files wait, all else goes on."""
    for setting in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(setting)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")  # nothing else gives it keys either
    late = build_deps(load_settings())
    try:
        move_storage(made[0], made[0].settings.resolved_storage_url, f"s3://{name}/films", on_progress=quiet)
        with pytest.raises(StorageMisconfigured):
            late.storage.link_origins()

        did = sweep.run_sweep(late, by="late", run_due=lambda: 7)

        assert did["looks"] == 7
    finally:
        late.store.close()


def test_of_two_moves_that_begin_at_the_same_moment_one_is_refused(
    made: list[Any], name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = made
    key, check = put(first, b"film"), LocalStorage.check_writable

    def meanwhile(self: LocalStorage) -> None:
        """While one of them tries out its place, the other one begins."""
        monkeypatch.setattr(LocalStorage, "check_writable", check)
        move_storage(second, here, f"s3://{name}", on_progress=quiet)

    here = first.settings.resolved_storage_url
    monkeypatch.setattr(LocalStorage, "check_writable", meanwhile)
    with pytest.raises(SettingsError, match="has just begun"):
        move_storage(first, here, f"file://{tmp_path}/new", on_progress=quiet)

    assert place_of(first) == f"s3://{name}"
    assert content_of(first, key) == b"film"


def test_a_run_whose_move_was_ended_by_another_run_undoes_nothing(made: list[Any], name: str) -> None:
    first, second = made
    put(first, b"film")
    here, there = first.settings.resolved_storage_url, f"s3://{name}"

    def other_run(line: str) -> None:
        """The same command in another window; then files move on."""
        move_storage(second, here, there, on_progress=quiet)
        move_storage(second, there, f"{there}-2", on_progress=quiet)

    bucket.server().client().create_bucket(Bucket=f"{name}-2")
    with pytest.raises(SettingsError, match="was ended meanwhile"):
        move_storage(first, here, there, on_progress=other_run)

    assert relocatable.RelocatableStorage.current_places(first.storage, uncached=True) == relocatable.Places(
        f"{there}-2"
    )


class Forgetful(LocalStorage):
    """A place that says of the first file that there is none, when it is to take it."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.forgot = False

    def put_file(self, part: Path, key: str) -> None:
        if not self.forgot:
            self.forgot = True
            raise FileNotFoundError(2, "no such object in the bucket")
        super().put_file(part, key)


def test_a_file_that_the_new_place_did_not_take_is_no_success_and_comes_with_the_next_run(
    made: list[Any], tmp_path: Path
) -> None:
    deps, new = made[0], Forgetful(tmp_path / "new")
    key, usual = put(deps, b"film"), deps.open_storage
    late = replace(deps, open_storage=lambda url: new if url.endswith("/new") else usual(url))

    with pytest.raises(StorageDown, match="did not arrive"):
        move_storage(late, deps.settings.resolved_storage_url, f"file://{tmp_path}/new", on_progress=quiet)
    assert content_of(deps, key) == b"film"

    assert (
        move_storage(
            late, deps.settings.resolved_storage_url, f"file://{tmp_path}/new", on_progress=quiet
        ).copied
        == 1
    )
    assert (tmp_path / "new" / key).is_file()


def test_what_stayed_behind_is_told_of_again_by_the_run_that_ends_the_move(
    made: list[Any], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    deps = made[0]
    keys = sorted(put(deps, b"film %d" % number) for number in range(6))
    root = Path(deps.settings.resolved_storage_url.removeprefix("file://"))
    for key in keys[:2]:
        (root / key).write_bytes(b"ALTERED")
    # One lies at the new place already, of the same size: only reading it shows that it is altered, too.
    bucket.server().client().put_object(Bucket=name, Key=keys[1], Body=b"ALTERED")
    monkeypatch.setattr(storage_migration, "BATCH_SIZE", 2)

    class Cut(Exception):
        """The command is killed."""

    def cut(line: str) -> None:
        raise Cut

    with pytest.raises(Cut):
        move_storage(deps, deps.settings.resolved_storage_url, f"s3://{name}", on_progress=cut)
    done = move_to(deps, name)

    assert sorted(done.problems) == [f"{key} is not what its name says" for key in keys[:2]]


def test_a_file_that_is_altered_while_it_is_brought_along_is_trouble_that_may_pass(
    made: list[Any], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    mover, sleeper = made
    move_under(mover, name, monkeypatch, altered=True)
    with pytest.raises(StorageDown, match="is not what its name says"):
        put(sleeper, b"second")
