"""Ready means that the work could be done now: each part is tried by doing it, and none is waited for."""

import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any

import pytest

from backend.bootstrap import build_deps
from backend.domain.errors import StoreUnavailable
from backend.media.storage import s3_client
from backend.services.operations import doctor, hang_guard, heartbeat, readiness
from backend.settings import load_settings
from tests import bucket, databases, programs
from tests.services.client import SidecarClient
from tests.waiting import PATIENCE_S, eventually, in_time


def readyz(sidecar: SidecarClient) -> tuple[int, dict[str, Any]]:
    """The status, and what is said of each part that is not good."""
    answer = sidecar.get("/readyz", who=None)
    checks = answer.get_json()["checks"]
    return answer.status_code, {name: check["says"] for name, check in checks.items() if not check["good"]}


@pytest.fixture
def worker(sidecar: SidecarClient) -> None:
    """One was heard of just now."""
    heartbeat.record_heartbeat(sidecar.deps, "host:1", in_hand=0)


# -- the disk -----------------------------------------------------------------------------------------


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """The data folder on a disk of its own, of eight mebibytes and two hundred files."""
    with programs.small_disk(tmp_path / "data", "8m,nr_inodes=200") as folder:
        yield folder


def fill(disk: Path) -> None:
    with suppress(OSError), (disk / "filler").open("wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass


def use_up_inodes(disk: Path) -> None:
    with suppress(OSError):
        for number in range(1000):
            (disk / str(number)).touch()


def freeze(disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)


@pytest.mark.databases("sqlite")  # its file is on that disk
@pytest.mark.parametrize(
    ("fault", "says", "restarted"),
    [
        (fill, "the disk is full", False),
        (fill, "the disk is full", True),
        (use_up_inodes, "no inode left", False),
        (use_up_inodes, "no inode left", True),
        (freeze, "the disk is read-only", True),  # what is written to can't be made read-only
    ],
)
def test_a_disk_that_takes_nothing_is_named_and_what_is_kept_can_be_read(
    disk, sidecar, worker, fault, says, restarted
):
    job_id = sidecar.started()
    if restarted:
        sidecar.deps.store.close()

    fault(disk)

    status, bad = readyz(sidecar)
    assert status == 503
    assert says in bad["data folder"]
    assert str(disk) in bad["data folder"]
    assert says in bad["storage"]
    if fault is freeze:
        assert "can only be read" in bad["database"]
    assert sidecar.get(f"/api/video/status/{job_id}").status_code == 200
    told = {check.name: check for check in doctor.run_checks(sidecar.deps)}
    assert (told["data folder"].good, says in told["data folder"].message) == (False, True)


# -- the database ---------------------------------------------------------------------------------------


READS = "SHOW default_transaction_read_only"


@pytest.fixture
def read_only() -> Iterator[None]:
    """The server takes no writes from now on, as an administrator's switch has it."""

    def switch(to: str) -> None:
        with databases.server().connect() as admin:
            admin.execute(f"ALTER SYSTEM {to}")
            admin.execute("SELECT pg_reload_conf()")

    yield switch("SET default_transaction_read_only = on")
    switch("RESET default_transaction_read_only")


@pytest.mark.databases("postgres")
def test_a_server_that_takes_no_writes_is_not_ready_and_doctor_says_it(sidecar, worker, request):
    job_id, deps = sidecar.started(), sidecar.deps
    with ExitStack() as many:  # a busy process has some at hand; no new one is to be had
        lines = [many.enter_context(deps.store.read()).connection() for _ in range(8)]
        request.getfixturevalue("read_only")
        for line in lines:
            eventually(lambda line=line: line.exec_driver_sql(READS).scalar() == "on")

    status, bad = readyz(sidecar)
    assert (status, list(bad)) == (503, ["database"])
    assert "can't be written to: it only reads" in bad["database"]
    assert sidecar.get(f"/api/video/status/{job_id}").status_code == 200
    another = build_deps(load_settings())
    said = {check.name: check for check in doctor.run_checks(another)}
    another.store.close()
    assert (said["database"].good, "only reads" in said["database"].message) == (False, True)


def test_the_row_that_is_tried_is_not_kept(sidecar, worker):
    with sidecar.deps.store.read() as session:
        before = session.connection().exec_driver_sql("SELECT count(*) FROM fact").scalar()
    assert readyz(sidecar) == (200, {})
    with sidecar.deps.store.read() as session:
        assert session.connection().exec_driver_sql("SELECT count(*) FROM fact").scalar() == before


@pytest.mark.databases("postgres")
def test_a_server_that_hangs_is_not_waited_for(sidecar, worker, monkeypatch):
    assert readyz(sidecar) == (200, {})
    monkeypatch.setattr(readiness, "WAIT_S", 0.2)
    with databases.server().frozen():
        eventually(lambda: "has not answered" in readyz(sidecar)[1].get("database", ""))
    eventually(lambda: readyz(sidecar) == (200, {}))


@pytest.mark.databases("postgres")
@pytest.mark.parametrize("how", ["read", "begin"])
def test_who_waits_for_a_server_that_hangs_is_let_go(sidecar, monkeypatch, how):
    deps, told = sidecar.deps, list[StoreUnavailable]()
    monkeypatch.setattr(readiness, "WAIT_S", 0.5)

    def wait() -> None:
        with getattr(deps.store, how)() as session, databases.server().frozen():
            hang_guard.HangGuard(deps).keep_watch()
            session.connection().exec_driver_sql("SELECT 1")

    def try_to() -> None:
        try:
            wait()
        except StoreUnavailable as error:
            told.append(error)

    waiting = threading.Thread(target=try_to, daemon=True)
    waiting.start()
    eventually(lambda: not waiting.is_alive())
    assert [error.outcome_unknown for error in told] == [False]
    monkeypatch.setattr(readiness, "WAIT_S", PATIENCE_S)
    sidecar.started()


# -- the bucket -------------------------------------------------------------------------------------------


@pytest.fixture
def server() -> Iterator[bucket.Server]:
    """One of this test's own, which may die."""
    with closing(bucket.Server()) as made:
        yield made


@pytest.fixture
def store(server: bucket.Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[bucket.Store]:
    """The bucket in which the files are; it answers as it should, until told otherwise."""
    with closing(bucket.Store(server.port)) as made:
        monkeypatch.setenv("STORAGE_URL", f"s3://{server.new_bucket()}/films")
        monkeypatch.setenv("AWS_ENDPOINT_URL", made.url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", bucket.KEY)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", bucket.SECRET)
        yield made


def test_a_bucket_whose_server_was_killed_is_told_within_ten_seconds(store, server, sidecar, worker):
    assert readyz(sidecar) == (200, {})
    begun = time.monotonic()
    server.close()

    status, bad = eventually(lambda: (readyz(sidecar)[0] == 503) and readyz(sidecar))

    assert in_time(time.monotonic() - begun, 10)
    assert status == 503
    assert "bucket" in bad["storage"]


def test_a_bucket_that_hangs_is_not_waited_for(store, sidecar, worker, monkeypatch):
    monkeypatch.setattr(s3_client, "CHECK_READ_S", PATIENCE_S)
    monkeypatch.setattr(s3_client, "CHECK_CALL_S", PATIENCE_S)
    monkeypatch.setattr(readiness, "WAIT_S", 0.2)
    hanging = store.fault("stall", "HTTP", times=1000)

    status, bad = readyz(sidecar)

    assert status == 503
    assert "has not answered" in bad["storage"]
    assert eventually(lambda: hanging.done) <= 2, "it is asked once, however often we are"


@pytest.mark.databases("sqlite")  # a server's own clock can't be set, and doctor asks no further
def test_a_bucket_without_checksums_is_ready_and_doctor_says_what_is_done_instead(store, sidecar, worker):
    says = bucket.refusal(400, "InvalidArgument", "Unsupported header 'x-amz-checksum-sha256' received.")
    store.refuses = {"x-amz-checksum": says}

    assert readyz(sidecar) == (200, {})

    told = {check.name: check.message for check in doctor.run_checks(sidecar.deps)}
    assert "can be written to. It knows no checksums (InvalidArgument: Unsupported" in told["storage"]


def test_a_bucket_that_refuses_every_write_is_told_in_its_own_words(store, sidecar, worker):
    says = bucket.refusal(400, "InvalidStorageClass", "The storage class you specified is not valid.")
    store.fault("say", "PUT ", times=1000, answer=says)

    status, bad = readyz(sidecar)

    assert (status, list(bad)) == (503, ["storage"])
    assert "The storage class you specified is not valid" in bad["storage"]
    assert "later" not in bad["storage"]
