"""Pages while what is around them is full, read-only or hangs: what is kept is shown, and nobody waits."""

from collections.abc import Iterator
from contextlib import closing

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from backend.media.storage import s3_client
from backend.services.operations import readiness
from pages.ui import context
from tests import bucket, databases
from tests.pages.conftest import shown, words
from tests.pages.test_operate import OPERATIONS
from tests.services.operations.test_readiness import disk, fill, freeze, use_up_inodes  # noqa: F401  a fixture
from tests.waiting import PATIENCE_S, eventually

GALLERY = "library/gallery.py"
#: What stands in the place of a page.
AWAY = "Nothing is lost: what is kept is safe"


@pytest.mark.parametrize(
    ("fault", "says"),
    [(fill, "the disk is full"), (use_up_inodes, "no inode left"), (freeze, "the disk is read-only")],
)
def test_pages_are_read_from_a_disk_that_takes_nothing_also_after_a_start(disk, desk, visit, fault, says):  # noqa: F811
    job = desk.take("queued")
    desk.deps.store.close()  # what is written to can't be made read-only
    fault(disk)
    st.cache_resource.clear()
    st.cache_data.clear()

    for page in (None, GALLERY, "operate/activity.py", OPERATIONS):
        told = words(visit(page)).replace("\\", "")
        assert says in told
        assert AWAY not in told
    assert [take["id"] for take in shown(visit("operate/activity.py"), "status")] == [job.id]
    context.deps().store.close()


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[bucket.Store]:
    """The bucket in which the files are. The library itself would wait for it for ever."""
    monkeypatch.setattr(s3_client, "CHECK_READ_S", PATIENCE_S)
    monkeypatch.setattr(s3_client, "CHECK_CALL_S", PATIENCE_S)
    server = bucket.server()
    with closing(bucket.Store(server.port)) as made:
        for name, value in {**server.env(), "AWS_ENDPOINT_URL": made.url}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("STORAGE_URL", f"s3://{server.new_bucket()}/films")
        yield made


def test_no_page_waits_for_a_bucket_that_hangs(store, desk, visit, monkeypatch):
    monkeypatch.setattr(readiness, "WAIT_S", 0.2)
    hanging = store.fault("stall", "HTTP", times=1000)

    def seen(page: str) -> AppTest | None:
        st.cache_data.clear()
        app: AppTest = visit(page)
        return app if "has not answered for" in words(app) else None

    for page in (OPERATIONS, GALLERY, OPERATIONS):
        app = eventually(lambda page=page: seen(page))  # what was seen before counts for some seconds
    assert "Workers" in [figure.label for figure in app.metric]
    assert 0 < hanging.done <= 3, "it is asked once, however many look"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> databases.Server:
    """The database is on a server."""
    found = databases.server()
    monkeypatch.setenv("DATABASE_URL", found.fresh())
    return found


def test_no_page_waits_for_a_database_that_hangs_not_even_the_first_one(server, desk, visit, monkeypatch):
    desk.take("queued")
    monkeypatch.setattr(readiness, "WAIT_S", 0.2)
    with server.frozen():
        eventually(lambda: AWAY in words(visit(OPERATIONS)))
        st.cache_resource.clear()
        assert "This page comes by itself" in words(visit(OPERATIONS))
    eventually(lambda: "Takes by state" in words(visit(OPERATIONS)))
    context.deps().store.close()
