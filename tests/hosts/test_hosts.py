"""Three hosts under load, each killed, frozen, cut off in turn: nothing lost, none paid twice, no bad file.

Run alone with `-s`, it prints the rows of the table in docs/reliability.md.
"""

import os
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.e2e import checker
from tests.e2e.installation import GOES_ON_S
from tests.hosts import network
from tests.hosts.cluster import HOSTS, Cluster
from tests.hosts.faults import Faults
from tests.hosts.judge import at_rest, summary, verdict
from tests.hosts.load import Load
from tests.waiting import eventually, in_time

#: Clients at a time. More keep two cores so busy that only the cores are measured; where seconds are not
#: held to, half as many have as much in the hosts' hands, as files come half as fast.
CLIENTS, CLIENTS_TIMED = 3, 6
#: So many of the faults must have met takes in the hands of whom they met, or the drill shows nothing.
MET = 3

pytestmark = [
    pytest.mark.hosts,
    pytest.mark.drill,
    pytest.mark.needs("nginx", "ip"),
    pytest.mark.timeout(400),
    pytest.mark.xdist_group("three hosts"),
]


def too_late(faults: Faults, name: str) -> str:
    """The rows of faults after which this took longer than promised, or never came."""
    waits = [(one, getattr(one, name)) for one in faults.seen]
    return "\n".join(one.row() for one, wait_s in waits if wait_s is None or not in_time(wait_s, GOES_ON_S))


@pytest.fixture(scope="module", autouse=True)
def possible() -> None:
    if reason := network.why_not():
        pytest.skip(reason)


@pytest.fixture(scope="module")
def running(possible: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The one cluster; gone afterwards, whatever happened."""
    with closing(Cluster(tmp_path_factory.mktemp("cluster"))) as made:
        yield made


@pytest.fixture
def cluster(running: Cluster, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    """The same, and the provider's own files where the checker looks for them."""
    monkeypatch.setitem(checker.FAL_MEDIA, "folder", running.fal_folder / "media")
    return running


def test_three_hosts_lose_nothing_whichever_of_them_is_killed_frozen_or_cut_off(cluster, request):
    """Each of them in each way when seconds are held to (`make hosts`); else each way with another one."""
    timed = request.config.option.timed
    clients = CLIENTS_TIMED if timed else CLIENTS
    load = Load(cluster.front, cluster.any_host.token(), clients=clients).start()
    faults = Faults(cluster, load)

    faults.all_of_them(every_host=timed)

    load.stop()
    eventually(lambda: at_rest(cluster))
    print(summary(cluster, load.asked))
    assert verdict(cluster, load.asked) == []
    assert not too_late(faults, "went_on_s"), "others did not go on in time"
    assert not too_late(faults, "home_s"), "no video came home in time"
    met = [one for one in faults.seen if one.who in HOSTS and one.taken]
    assert len(met) >= MET, "hardly anything was in the hands of whom a fault met"
    assert all(one.answered for one in load.asked)


def test_the_checker_catches_hosts_that_write_without_a_fence(cluster):
    """Under load, frozen, then thawed: whoever doesn't ask whose the take is by now writes over others."""
    cluster.break_workers("writes_without_a_fence")
    load = Load(cluster.front, cluster.any_host.token("control"), clients=CLIENTS).start()
    faults = Faults(cluster, load)
    found: set[str] = set()

    for host in [*HOSTS, *HOSTS]:
        if not found:
            faults.freeze(host)
            found = {sentence.partition(":")[0] for sentence in checker.broken_promises(cluster.any_host)}

    load.stop()
    assert found & {"one effect", "paid once"}


def addresses() -> str:
    """Every address of the host that this thread is on."""
    return subprocess.run(["ip", "-o", "address"], capture_output=True, text=True, check=True).stdout


def test_a_network_of_hosts_leaves_nothing_behind():
    def ours() -> list[Path]:
        return list(network.NAMES.glob(f"dailies-{os.getpid()}-*"))

    before, outside = ours(), addresses()
    one = network.Network()
    one.join("host", 11)
    with one.inside("host"):
        assert f"{network.SUBNET}.11/24" in addresses()
    assert len(ours()) > len(before)
    assert addresses() == outside, "seen from outside"
    one.close()
    assert ours() == before
