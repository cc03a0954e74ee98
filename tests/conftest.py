"""What most tests need: a data folder of their own, the simulator as fal, and the sidecar's routes."""

import gc
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from xdist.workermanage import WorkerController

from backend.bootstrap import build_deps
from backend.services.deps import Deps
from backend.services.lifecycle import refused_deliveries
from backend.services.operations import readiness
from backend.settings import load_settings
from backend.store.database import postgres
from simulator.app import Simulator
from simulator.config import SimulatorConfig
from simulator.server import listening
from tests import databases, programs
from tests.certificates import make_certificates
from tests.compiled import compile_for_workers
from tests.e2e import launcher
from tests.proxy import Proxy
from tests.signing import FakeClock, Publisher
from tests.viewers import LOCAL_VIEWER
from tests.waiting import PATIENCE_S, hold_to_the_second
from tests.world import World

HERE = Path(__file__).parent
#: Folders whose tests take longest, and wait for most of that time; the longest first.
LONGEST = ("hosts", "deploy", "e2e")
#: By this part of a run the last of them has begun, so that no worker has one left while the others are done.
BEGUN_BY = 0.6
#: So much free memory is enough for the files of all tests.
SHARED_MEMORY_BYTES = 4 * 1024**3
#: Where what is run once for all workers of a run can be found (`launcher.share`).
FORKS_OF = pytest.StashKey[str]()


#: What the network around a developer asks of programs. Tests stay on this machine.
OF_THE_NETWORK = (
    "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "AWS_CA_BUNDLE",
)  # fmt: skip


def pytest_configure(config: pytest.Config) -> None:
    """Files of tests lie in memory, where there is enough: there nobody waits for a disk to have synced."""
    for name in OF_THE_NETWORK:
        os.environ.pop(name, None)
        os.environ.pop(name.lower(), None)
    memory = Path("/dev/shm")
    if memory.is_dir() and shutil.disk_usage(memory).free > SHARED_MEMORY_BYTES:
        os.environ["TMPDIR"] = tempfile.tempdir = str(memory)
    # A test looks around with a transaction open, for as long as a busy machine makes it: it is not frozen.
    postgres.IDLE_IN_TRANSACTION_TIMEOUT_MS = round(PATIENCE_S * 1000)
    # Nor does anything hang because the machine has too much to do.
    readiness.WAIT_S = PATIENCE_S
    databases.share_compiled_statements()
    # What is refused is in the database when it is answered.
    refused_deliveries.WRITE_EVERY_S = 0.0
    if config.option.timed:
        hold_to_the_second()
    if given := getattr(config, "workerinput", {}).get("forks_of"):
        launcher.join(given)


def pytest_xdist_setupnodes(config: pytest.Config) -> None:
    compile_for_workers(config)
    if _asks_for_whole_processes(config):
        config.stash[FORKS_OF] = launcher.share()


def pytest_configure_node(node: WorkerController) -> None:
    node.workerinput["forks_of"] = node.config.stash.get(FORKS_OF, "")


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """One worker a core, two where half of the time is waiting; none where their start would take longer."""
    if all(path.is_file() or path.name == "unit" for path in _asked(config)):
        return 0
    return len(os.sched_getaffinity(0)) * (2 if _asks_for_whole_processes(config) else 1)


def _asked(config: pytest.Config) -> list[Path]:
    return [Path(argument.partition("::")[0]).resolve() for argument in config.args]


def _asks_for_whole_processes(config: pytest.Config) -> bool:
    """Are there tests among them that start the program, and so wait for half of their time?"""
    return any(path == HERE or path.name in LONGEST for path in _asked(config))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests that wait and tests that compute take turns, so that the processors always have enough to do."""
    if hasattr(config, "workerinput"):
        lost = [item for item in items if item.get_closest_marker("xdist_group") and "@" not in item.nodeid]
        assert not lost, f"pytest-xdist doesn't know which of these go together: {lost[:3]}"
    folders = {item: item.path.relative_to(HERE).parts[0] for item in items}
    long = [item for item in items if folders[item] in LONGEST]
    long.sort(key=lambda item: LONGEST.index(folders[item]))
    others = [item for item in items if folders[item] not in LONGEST]
    places = {item: BEGUN_BY * number / len(long) for number, item in enumerate(long)}
    places |= {item: number / len(others) for number, item in enumerate(others)}
    items.sort(key=places.__getitem__)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection() -> Iterator[None]:
    """What comes in is there to stay: nobody looks for what could be thrown away."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


def pytest_collection_finish() -> None:
    """What was collected stays: the collector need not go through half a million objects again and again."""
    gc.freeze()


def pytest_runtest_setup(item: pytest.Item) -> None:
    programs.ask_for_needs(item)


@pytest.fixture(scope="session", autouse=True)
def no_server_left() -> Iterator[None]:
    """The database server that some tests start ends with the run."""
    yield
    databases.close()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--matrix", action="store_true", help="every test of a database on each kind of them")
    parser.addoption("--write-docs", action="store_true", help="write the tables in docs/ that tests make")
    parser.addoption("--timed", action="store_true", help="hold the contract's seconds, on an idle machine")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that needs a database runs on those that it names by the mark `databases`; see house.md."""
    if "database_kind" in metafunc.fixturenames:
        mark = metafunc.definition.get_closest_marker("databases")
        kinds = databases.named(mark and mark.args[0], matrix=metafunc.config.option.matrix)
        metafunc.parametrize("database_kind", kinds, indirect=True, scope="session")


@pytest.fixture(scope="session")
def database_kind(request: pytest.FixtureRequest) -> Iterator[str]:
    """The kind of database that the test is about."""
    with databases.choose(request.param) as kind:
        yield kind


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Settings come from the test alone: no variables of the shell, no .env of the folder."""
    from backend.settings import Settings

    for name in map(str.upper, Settings.model_fields):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(f"{name}_FILE", raising=False)
    monkeypatch.setitem(Settings.model_config, "env_file", None)
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("LOCAL_NAME", LOCAL_VIEWER.name)  # not the account of whoever runs the tests


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as of `certificates.make_certificates`: nobody trusts `ca.pem` who is not told to."""
    return make_certificates(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def forward_proxy() -> Iterator[Proxy]:
    """A company's proxy: whatever name it is asked for, it goes to the port on this machine."""
    with closing(Proxy()) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    """fal, simulated, twenty times as fast as in the demo."""
    folder = tmp_path_factory.mktemp("simulator")
    with listening(SimulatorConfig(data_dir=folder, pace=0.05, small=True, seed=7)) as running:
        yield running


@pytest.fixture
def sim(simulator: Simulator) -> Simulator:
    """The same, as new."""
    simulator.reset()
    return simulator


@pytest.fixture
def deps(sim: Simulator, tmp_path: Path) -> Iterator[Deps]:
    """A migrated installation whose providers are the simulator; the blocking one takes two calls at once."""
    settings = load_settings(
        data_dir=tmp_path / "data",
        fal_key="id:secret-of-this-test",
        fal_queue_url=sim.url,
        fal_rest_url=sim.url,
        fal_api_url=sim.url,
        fetch_allow=(sim.url.removeprefix("http://"),),
        public_url="http://127.0.0.1:1",
        first_poll_s=0.2,
        blackbox_api_key="sk-of-this-test",
        blackbox_url=f"{sim.url}/blackbox",
        blackbox_calls=2,
        takes_visible="own",  # the stricter of both
    )
    made = build_deps(settings)
    if made.store.embedded:
        databases.put_migrated_file(settings.data_dir / "dailies.db")
    yield made
    made.store.close()


@pytest.fixture
def world(deps: Deps, sim: Simulator) -> World:
    """The installation in the hands of a test."""
    return World(deps, sim)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    """fal's keys, published on loopback."""
    with closing(Publisher()) as made:
        yield made
