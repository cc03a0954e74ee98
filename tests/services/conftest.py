"""What the tests of the sidecar share: an installation from which nothing is sent, and its fal."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from backend.bootstrap import build_deps
from backend.services.deps import Deps
from backend.settings import load_settings
from tests import databases
from tests.services.client import PUBLIC, SidecarClient, status
from tests.services.receiving import FAL_KEY, SECRET, Post
from tests.signing import FakeClock, Publisher
from tests.world import World


@pytest.fixture(autouse=True)
def database(
    database_kind: str, no_environment: None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str | None]:
    """A database of the test's own, where settings look for it; None: a file in the data folder."""
    with databases.fresh_url() as url:
        if url is not None:
            monkeypatch.setenv("DATABASE_URL", url)
        yield url


@contextmanager
def installed(folder: Path, clock: FakeClock, **given: Any) -> Iterator[Deps]:
    given = {"takes_visible": "own", **given}  # the stricter of both
    made = build_deps(load_settings(data_dir=folder / "data", fal_key=FAL_KEY, **given), clock=clock)
    if made.store.embedded:
        databases.put_migrated_file(made.settings.data_dir / "dailies.db")
    yield made
    made.store.close()


@pytest.fixture
def still(clock: FakeClock, tmp_path: Path) -> Iterator[World]:
    """An installation whose takes are moved by the test, and by nothing else."""
    with installed(tmp_path, clock) as deps:
        yield World(deps, sim=None)


@pytest.fixture
def post(publisher: Publisher, clock: FakeClock, tmp_path: Path) -> Iterator[Post]:
    """The receiving side of an installation whose fal only publishes keys."""
    queue = "http://127.0.0.1:1"
    with installed(
        tmp_path, clock, secret_key=SECRET, fal_queue_url=queue, fal_rest_url=publisher.base
    ) as deps:
        yield Post(deps, clock)


@pytest.fixture
def sidecar(clock: FakeClock, tmp_path: Path) -> Iterator[SidecarClient]:
    """The sidecar of an installation without a worker."""
    with installed(tmp_path, clock, public_url=PUBLIC) as deps:
        yield SidecarClient(deps, clock)


@pytest.fixture
def link(sidecar: SidecarClient) -> str:
    """The path and query of a stored take's video."""
    job_id = sidecar.started()
    sidecar.stored(job_id)
    return str(status(sidecar, job_id)["video"]["url"]).removeprefix(PUBLIC)
