"""One simulator for all tests of this folder, reset before each."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.simulator.client import Receiver, SimulatorClient, running


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatorClient]:
    with running(tmp_path_factory.mktemp("simulator")) as client:
        yield client


@pytest.fixture
def sim(shared: SimulatorClient) -> SimulatorClient:
    shared.simulator.reset()
    return shared


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with closing(Receiver()) as made:
        yield made
