"""Moving every file while everything runs: nothing is missing at any moment, nothing altered comes along."""

import itertools
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Any

import pytest

from backend.bootstrap import build_deps
from backend.domain.errors import SettingsError, StorageDown, StorageFull, StorageMisconfigured
from backend.domain.place import file_url
from backend.media.storage import s3_client
from backend.media.storage.local import LocalStorage
from backend.services.operations import sweep
from backend.services.storage import copy_verified, migrate, relocatable
from backend.services.storage.migrate import MoveResult, move_storage
from backend.services.storage.relocatable import Places, RelocatableStorage
from backend.settings import load_settings
from backend.store.records import key_values
from tests import bucket, databases
from tests.adapters.storages import key_of, part
from tests.proxy import Proxy
from tests.waiting import PATIENCE_S, eventually

ROOT = Path(__file__).parents[3]
FILES = 24
#: Between two files that another process takes in meanwhile, as a part of what one takes: some come at every
#: moment of the move, which has the larger part of the processor, however busy that is.
PAUSE = 2


@pytest.fixture
def there(no_environment: None, monkeypatch: pytest.MonkeyPatch) -> str:
    """A bucket that is known to every process, and used by none yet."""
    server = bucket.server()
    for name, value in server.env().items():
        monkeypatch.setenv(name, value)
    return f"s3://{server.new_bucket()}"


@pytest.fixture
def made(there: str) -> Iterator[list[Any]]:
    """Two processes' worth of deps, on one database, whose settings name the folder."""
    both = [build_deps(load_settings()) for _ in range(2)]
    databases.put_migrated_file(both[0].settings.data_dir / "dailies.db")
    yield both
    for deps in both:
        deps.store.close()


@pytest.fixture
def here(made: list[Any]) -> Any:
    return made[0].settings.resolved_storage_url


def in_folder(here: str, key: str) -> Path:
    return Path(here.removeprefix("file://"), key)


def put(deps: Any, content: bytes) -> str:
    key, folder = key_of(content), deps.settings.parts_dir
    folder.mkdir(exist_ok=True)
    deps.storage.put_file(part(folder, content), key)
    return key


def content_of(deps: Any, key: str) -> Any:
    with deps.storage.open(key) as file:
        return file.read()


def bucket_of(there: str) -> tuple[Any, dict[str, str]]:
    """A client, and how it is told of the bucket: past the program, which may still read at the old place."""
    return bucket.server().client(), {"Bucket": there.removeprefix("s3://")}


def objects(there: str) -> set[str]:
    client, name = bucket_of(there)
    pages = client.get_paginator("list_objects_v2").paginate(**name)
    return {one["Key"] for page in pages for one in page.get("Contents", [])}


def move(deps: Any, source: str, target: str, told: Callable[[str], Any] = str) -> MoveResult:
    return move_storage(deps, source, target, on_progress=told)


def place_of(deps: Any) -> Any:
    """Where new files go, and others may be, as the database says."""
    return deps.storage.current_places(uncached=True)


def next_time(monkeypatch: pytest.MonkeyPatch, method: str, instead: Callable[..., Any]) -> None:
    """The next call of the folder's method is this one; all behind it are the usual one."""
    usual = getattr(LocalStorage, method)

    def once(*given: Any) -> Any:
        monkeypatch.setattr(LocalStorage, method, usual)
        return instead(*given)

    monkeypatch.setattr(LocalStorage, method, once)


def test_everything_comes_along_while_files_arrive_and_is_there_at_every_moment(made, here, there):
    mover, other = made
    keys = [put(mover, f"film {number}".encode()) for number in range(FILES)]
    stop, failed = threading.Event(), []

    def live() -> None:
        """Another process: it goes on taking in and showing files."""
        for number in itertools.count():
            begun = time.monotonic()
            keys.append(put(other, f"late {number}".encode()))
            for key in (keys[0], keys[number % FILES], keys[-1]):
                try:
                    content_of(other, key)
                except (OSError, StorageFull) as error:
                    failed.append(f"{key}: {error!r}")
            if stop.wait(PAUSE * (time.monotonic() - begun)):
                return

    thread = threading.Thread(target=live)
    thread.start()
    try:
        done = move(mover, here, there)
        late = len(keys)
        eventually(lambda: len(keys) > late + 3)
    finally:
        stop.set()
        thread.join()

    assert (failed, done.problems) == ([], [])
    assert done.copied >= FILES
    assert objects(there) == set(keys)
    for deps in (mover, other):
        assert content_of(deps, keys[3]) == b"film 3"
        assert deps.storage.link_origins() == (bucket.server().url,)


def test_a_move_that_is_killed_in_the_middle_goes_on(made, here, there, monkeypatch):
    deps, other = made
    keys = sorted(put(deps, f"film {number}".encode() * 1000) for number in range(90))
    command = [sys.executable, "-m", "backend", "move-storage", here, there]
    with closing(Proxy(bucket.server().port)) as line, monkeypatch.context() as change:
        change.setenv("AWS_ENDPOINT_URL", line.url)
        line.fault("stall", "PUT ", keys[70], times=99)  # so far it comes before it is killed
        with subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        ) as running:
            said = list(itertools.takewhile(lambda line: not line.startswith("64 of "), running.stderr))
            running.send_signal(signal.SIGKILL)
    assert running.returncode == -signal.SIGKILL, said
    assert 64 <= len(objects(there)) < len(keys)

    # -- between the two runs everything is to be had, and new files go to the new place
    assert all(content_of(other, key) for key in keys)
    late = put(other, b"late")
    assert late in objects(there)

    again = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=2 * PATIENCE_S)

    assert again.returncode == 0, again.stderr
    assert f"Every process uses {there} by now" in again.stdout
    assert int(again.stdout.split()[1]) <= len(keys) - 64  # what was compared is not compared again
    assert objects(there) == {*keys, late}


def test_a_bucket_that_is_slow_to_answer_a_question_ends_no_move(made, here, monkeypatch):
    """A page would not wait for it: the control."""
    monkeypatch.setattr(s3_client, "READ_S", 5.0)
    keys = {put(made[0], f"film {number}".encode()) for number in range(3)}
    with closing(Proxy(bucket.server().port)) as line:
        monkeypatch.setenv("AWS_ENDPOINT_URL", line.url)
        mover, there = build_deps(load_settings()), f"s3://{bucket.server().new_bucket()}"
        slow = line.fault("stall", "HEAD ", ".mp4", times=2)
        assert move(mover, here, there).copied == len(keys)
        assert (slow.done, objects(there)) == (2, keys)
        slow.times = 3
        monkeypatch.setattr(s3_client, "CHECK_READ_S", 0.2)
        with pytest.raises(StorageDown):
            mover.storage.size(min(keys))
        mover.store.close()


def test_what_lies_at_the_new_place_under_a_name_and_is_something_else_is_replaced(made, here, there):
    (client, name), keys = bucket_of(there), [put(made[0], b"same size"), put(made[0], b"another")]
    for key in keys:
        client.put_object(**name, Key=key, Body=b"SAME SIZE")

    move(made[0], here, there)

    found = [client.get_object(**name, Key=key)["Body"].read() for key in keys]
    assert found == [b"same size", b"another"]


@pytest.mark.parametrize("altered", [False, True], ids=["whole", "altered"])
def test_a_worker_that_slept_through_the_move_brings_its_file_along_if_it_is_whole(
    made, here, there, monkeypatch, altered
):
    mover, sleeper = made
    put(mover, b"first")

    def asleep(folder: LocalStorage, part: Path, key: str) -> None:
        move(mover, here, there)
        folder.put_file(part, key)
        if altered:
            in_folder(here, key).write_bytes(b"ALTERED")

    next_time(monkeypatch, "put_file", asleep)
    # trouble that may pass
    with pytest.raises(StorageDown, match="not what its name") if altered else nullcontext():
        put(sleeper, b"second")

    assert len(objects(there)) == (1 if altered else 2)


def test_there_and_back_and_after_a_restore_with_settings_that_name_the_first_place(made, here, there):
    deps, other = made
    keys = [put(deps, b"one")]
    move(deps, here, there)
    with pytest.raises(SettingsError, match="is done"):
        move(deps, here, there)
    keys.append(put(other, b"two"))

    move(deps, there, here)

    assert place_of(deps) == Places(here)
    assert all(in_folder(here, key).is_file() for key in keys)
    move(deps, here, f"{there}/second")
    assert place_of(other) == Places(f"{there}/second")

    relocatable.forget_move(deps)  # as the command `restore` does, when it has put files into the usual place

    assert place_of(other) == Places(here)
    assert content_of(other, keys[0]) == b"one"


class Interleaved(RelocatableStorage):
    """Between somebody's look and its answer, a slow thread writes down what it saw earlier."""

    earlier: Places | None = None

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name == "_seen_at" and self.earlier:
            self._seen = self.earlier


def test_a_fresh_look_is_not_answered_with_the_older_one_of_another_thread(made, here, there):
    """Or a file would be put where a move has been already."""
    mover, other = made
    storage = Interleaved(other.store, other.clock, here, other.open_storage, other.settings.parts_dir)
    storage.earlier = storage.current_places(uncached=True)
    move(mover, here, there)

    assert storage.current_places(uncached=True) == Places(there)


def test_a_move_that_was_written_down_with_its_places_spelt_otherwise_is_still_known(tmp_path):
    """As by an earlier program: the folder's name as it is, and not as in a URL."""
    folder = tmp_path / "films #1 100%"
    deps = build_deps(load_settings(data_dir=folder))
    databases.put_migrated_file(deps.settings.data_dir / "dailies.db")
    fact = {"from": f"file://{folder}/media", "to": f"file://{folder}/new", "was": [], "done": True}
    with deps.store.begin() as session:
        key_values.set_value(session, relocatable.MOVE_KEY, fact, at=deps.clock.now())
    assert place_of(deps) == Places(file_url(folder / "new"))
    move(deps, f"file://{folder}/new", f"file://{folder}/newer")
    assert place_of(deps) == Places(file_url(folder / "newer"))
    deps.store.close()


def test_wrong_places_change_nothing(made, here, there):
    deps = made[0]
    for source, target, why in (
        (here, here, "same place"),
        ("file:///elsewhere", there, "do not lie in"),
        (here, "s3://not-there-at-all", "TO can't be used: There is no bucket"),
        (here, "ftp://x", "must be"),
        (here, f"{here}/new", "within each other"),
        (here, here.rpartition("/")[0], "within each other"),
    ):
        with pytest.raises(SettingsError, match=why):
            move(deps, source, target)

    assert place_of(deps) == Places(here)


def test_a_process_that_never_got_the_buckets_keys_goes_on_sweeping(made, here, there, monkeypatch):
    """It was not started again before the move, as it should have been: files wait, all else goes on."""
    for setting in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(setting)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")  # nothing else gives it keys either
    late = build_deps(load_settings())
    move(made[0], here, f"{there}/films")
    with pytest.raises(StorageMisconfigured):
        late.storage.link_origins()

    assert sweep.run_sweep(late, by="late", run_due=lambda: 7)["looks"] == 7

    late.store.close()


def test_of_two_moves_that_begin_at_the_same_moment_one_is_refused(made, here, there, tmp_path, monkeypatch):
    first, second = made
    key = put(first, b"film")
    # while one of them tries out its place, the other one begins
    next_time(monkeypatch, "check_writable", lambda self: move(second, here, there))

    with pytest.raises(SettingsError, match="has just begun"):
        move(first, here, f"file://{tmp_path}/new")

    assert place_of(first) == Places(there)
    assert content_of(first, key) == b"film"


def test_a_run_whose_move_was_ended_by_another_run_undoes_nothing(made, here, there):
    first, second = made
    put(first, b"film")

    def other_run(line: str) -> None:
        """The same command in another window; then files move on."""
        move(second, here, there)
        move(second, there, f"{there}-2")

    client, name = bucket_of(f"{there}-2")
    client.create_bucket(**name)
    with pytest.raises(SettingsError, match="was ended meanwhile"):
        move(first, here, there, other_run)

    assert place_of(first) == Places(f"{there}-2")


def test_a_file_that_the_new_place_did_not_take_is_no_success_and_comes_with_the_next_run(
    made, here, tmp_path, monkeypatch
):
    deps, new = made[0], f"file://{tmp_path}/new"
    key = put(deps, b"film")

    def forgetful(*given: Any) -> None:
        raise FileNotFoundError(2, "no such object in the bucket")

    next_time(monkeypatch, "put_file", forgetful)
    with pytest.raises(StorageDown, match="did not arrive"):
        move(deps, here, new)
    assert content_of(deps, key) == b"film"

    assert move(deps, here, new).copied == 1
    assert (tmp_path / "new" / key).is_file()


def test_what_is_altered_stays_behind_and_is_told_of_again_by_the_run_that_ends_the_move(
    made, here, there, monkeypatch
):
    deps, (client, name) = made[0], bucket_of(there)
    keys = sorted(put(deps, b"film %d" % number) for number in range(6))
    for key in keys[:2]:
        in_folder(here, key).write_bytes(b"ALTERED")
    # One lies at the new place already, of the same size: only reading it shows that it is altered, too.
    client.put_object(**name, Key=keys[1], Body=b"ALTERED")
    monkeypatch.setattr(migrate, "BATCH_SIZE", 2)

    def killed(line: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        move(deps, here, there, killed)
    done = move(deps, here, there)

    assert sorted(done.problems) == [f"{key} is not what its name says" for key in keys[:2]]
    assert objects(there) == set(keys[1:])


def test_control_without_the_second_look_a_slept_through_file_would_be_left_behind(
    made, here, there, monkeypatch
):
    def careless(self: RelocatableStorage, part: Path, key: str) -> None:
        self._at(self.current_places(uncached=True).current).put_file(part, key)

    monkeypatch.setattr(RelocatableStorage, "put_file", careless)
    with pytest.raises(AssertionError):
        test_a_worker_that_slept_through_the_move_brings_its_file_along_if_it_is_whole(
            made, here, there, monkeypatch, altered=False
        )


def test_control_a_look_answered_with_what_was_seen_last_would_be_caught(made, here, there, monkeypatch):
    look = RelocatableStorage.current_places

    def last_seen(self: RelocatableStorage, *, uncached: bool = False) -> Places:
        look(self, uncached=uncached)
        return self._seen

    monkeypatch.setattr(RelocatableStorage, "current_places", last_seen)
    with pytest.raises(AssertionError):
        test_a_fresh_look_is_not_answered_with_the_older_one_of_another_thread(made, here, there)


def test_control_a_move_that_compares_nothing_would_be_caught(made, here, there, monkeypatch):
    def sizes_alone(source: Any, target: Any, key: str, parts: Path) -> int:
        same = target.size(key) == source.size(key)
        return 0 if same else copy_verified.copy_file(source, target, key, parts)

    monkeypatch.setattr(migrate, "copy_file", sizes_alone)
    with pytest.raises(AssertionError):
        test_what_lies_at_the_new_place_under_a_name_and_is_something_else_is_replaced(made, here, there)
