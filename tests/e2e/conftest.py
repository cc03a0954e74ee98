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


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One worker goes through all points of a kind of database, with the same processes."""
    for item in items:
        if isinstance(item, pytest.Function) and "drill" in item.fixturenames:
            kind = item.callspec.params["database_kind"]
            item.add_marker(pytest.mark.xdist_group(f"drill on {kind}"))


@pytest.fixture(scope="session")
def fals(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Simulator]]:
    """fal, simulated, twenty times as fast as in the demo; it outlives every process that is killed.

    Each kind of database has its own: what one run sent must not be found by the other.
    """
    running, media = dict[str, Simulator](), dict[str, Path]()
    with ExitStack() as ends:

        def one(kind: str) -> Simulator:
            if kind not in running:
                folder = tmp_path_factory.mktemp("fal")
                config = SimulatorConfig(
                    data_dir=folder, pace=0.05, small=True, seed=7, at_once=16, result_ttl_s=600
                )
                running[kind] = ends.enter_context(listening(config))
                media[kind] = config.media_dir
            checker.FAL_MEDIA["folder"] = media[kind]
            return running[kind]

        yield one


@pytest.fixture(scope="module")
def fal(database_kind: str, fals: Callable[[str], Simulator]) -> Simulator:
    """The one of this kind of database."""
    return fals(database_kind)


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
