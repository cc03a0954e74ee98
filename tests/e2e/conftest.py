"""What whole processes need: one simulated fal for all of them, and studios that end with their test."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from itertools import count
from pathlib import Path

import pytest

from simulator.app import Simulator
from simulator.config import SimulatorConfig
from simulator.server import listening
from tests import databases
from tests.e2e import checker
from tests.e2e.installation import Installation


@pytest.fixture(scope="session")
def fal(database_kind: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    """fal, simulated, twenty times as fast as in the demo; it outlives every process that is killed.

    Each kind of database has its own: what one run sent must not be found by the other.
    """
    config = SimulatorConfig(
        data_dir=tmp_path_factory.mktemp("fal"), pace=0.05, small=True, seed=7, at_once=16, result_ttl_s=600
    )
    checker.FAL_MEDIA["folder"] = config.data_dir / "media"
    with listening(config) as running:
        yield running


@pytest.fixture
def server() -> Iterator[databases.Server]:
    """A database server of the test's own."""
    with closing(databases.Server()) as made:
        made.start()
        yield made


@pytest.fixture
def make_installation(fal: Simulator, tmp_path: Path) -> Iterator[Callable[..., Installation]]:
    """A function that makes an installation; its processes end with the test."""
    numbers = count()
    with ExitStack() as ends:
        yield lambda **settings: ends.enter_context(
            closing(Installation(tmp_path / f"studio-{next(numbers)}", fal.url, **settings))
        )
