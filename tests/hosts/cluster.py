"""Three hosts with a dashboard, a sidecar and a worker each; and those of nginx, database, bucket, provider.

As docs/operations.md has it, on a network of its own: the shipped nginx configuration on port 443, webhooks
by TLS and the public name.
"""

import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tests import databases
from tests.deploy.front import HOOKS, Front, Host, login
from tests.e2e.crash import __name__ as CRASH
from tests.e2e.installation import ROOT, Installation, Process, answers
from tests.hosts import bucket
from tests.hosts.network import Network
from tests.waiting import eventually

#: The hosts that may die, and the last number of their addresses, as deploy/nginx has them.
HOSTS = {"one": 11, "two": 12, "three": 13}
DATABASE_PORT, FAL_PORT, SIDECAR_PORT, DASHBOARD_PORT = 5432, 8788, 8787, 8501
#: Children die with the process of the tests, however that ends.
DIES_WITH_US = ("setpriv", "--pdeathsig", "KILL")


class Cluster:
    """All hosts, running. build: a broken build (see tests/e2e/broken.py) whose workers run instead."""

    def __init__(self, folder: Path, network: Network, *, build: str | None = None) -> None:
        self.network, self.folder = network, folder
        self._build = build
        self._ends = ExitStack()
        self.addresses = {name: network.join(name, number) for name, number in HOSTS.items()}
        self.fal_folder = folder / "fal"
        try:
            self._build_up()
        except BaseException:
            self.close()
            raise

    def _build_up(self) -> None:
        self._ends.enter_context(databases.choose("sqlite"))  # the hosts' own server is the only one in reach
        self.outside = self.network.join("outside", 2)
        self._ends.enter_context(self.network.inside("outside"))
        self.database = databases.Server(self.network.join("database", 20), DATABASE_PORT)
        self._ends.callback(self.database.close)
        self.start_database()
        self.front = self._make_front(self.network.join("front", 10))
        self.fal = self._make_fal(self.network.join("fal", 30))
        self._storage = self._make_storage()
        url = self.database.fresh()
        self.hosts = {name: self._make_host(name, url) for name in HOSTS}
        for name in HOSTS:
            self.start(name)
        for name in HOSTS:
            self.ready(name)

    # -- hosts that may die ---------------------------------------------------------------------

    def start(self, name: str) -> None:
        """Start everything that runs on this host; see `ready`."""
        installation = self.hosts[name]
        place = (f"--server.address={installation.address}", f"--server.port={DASHBOARD_PORT}")
        worker = ("-m", CRASH, "worker") if self._build else ("-m", "backend", "worker")
        broken = {"BROKEN_BUILD": self._build} if self._build else {}
        with self.network.inside(name):
            installation.run("sidecar", ROOT / "webhook_server.py")
            installation.run("worker", *worker, **broken)
            installation.run("dashboard", "-m", "streamlit", "run", ROOT / "app.py", *place, cwd=ROOT)

    def ready(self, name: str) -> None:
        """Wait until it answers again, and all of its processes live."""
        installation = self.hosts[name]
        newest = installation.processes[-3:]

        def up() -> bool:
            assert all(process.alive for process in newest), installation.logs()
            places = (f"{SIDECAR_PORT}/readyz", f"{DASHBOARD_PORT}/_stcore/health")
            return all(answers(f"http://{installation.address}:{place}") for place in places)

        eventually(up)

    def kill(self, name: str) -> None:
        """kill -9 of all that runs there."""
        self.network.send(name, signal.SIGKILL)
        for process in self.hosts[name].processes:
            process.popen.wait(10)

    def freeze(self, name: str) -> None:
        self.network.send(name, signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        self.network.send(name, signal.SIGCONT)

    def start_database(self) -> None:
        with self.network.inside("database"):
            self.database.start()

    def close(self) -> None:
        """Afterwards no process of it is left."""
        for name in self.addresses:
            self.network.send(name, signal.SIGKILL)
        for installation in getattr(self, "hosts", {}).values():
            installation.close()
        self._ends.close()

    # -- what witnesses tell --------------------------------------------------------------------

    @property
    def any_host(self) -> Installation:
        """One of the three: all of them see the same database and the same files."""
        return next(iter(self.hosts.values()))

    def logs(self) -> str:
        return "\n".join(installation.logs() for installation in self.hosts.values())

    # -- how they are made ----------------------------------------------------------------------

    def _make_front(self, address: str) -> Front:
        with self.network.inside("front"):
            who = Host("who", login)
            self._ends.callback(who.close)
            front = Front(
                self.folder / "nginx",
                dashboards=[f"{place}:{DASHBOARD_PORT}" for place in self.addresses.values()],
                sidecars=[f"{place}:{SIDECAR_PORT}" for place in self.addresses.values()],
                who=who.place,
                address=address,
                ports=(443, 80, 8081),
            ).start()
        self._ends.callback(front.close)
        return front

    def _make_fal(self, address: str) -> Process:
        """It resolves the public name by its own /etc/hosts, which is seen by nobody else."""
        self.folder.mkdir(parents=True, exist_ok=True)
        names = self.folder / "hosts"
        names.write_text(f"127.0.0.1 localhost\n{self.front.address} {HOOKS}\n")
        installation = Installation(self.folder / "fal-host", "", HOST=address)
        installation.before = (
            *("unshare", "--mount", "--propagation", "private", "sh", "-c"),
            f'mount --bind {names} /etc/hosts && exec "$@"',
            "sh",
            *DIES_WITH_US,
        )
        certificate = self.front.folder / "certificate.pem"
        with self.network.inside("fal"):
            fal = installation.run(
                "fal", "-m", "tests.hosts.fal", self.fal_folder, address, str(FAL_PORT), certificate
            )
        self._ends.callback(installation.close)
        self.fal_url = f"http://{address}:{FAL_PORT}"
        eventually(lambda: answers(f"{self.fal_url}/sim/ledger"), process=fal)
        return fal

    def _make_storage(self) -> dict[str, Any]:
        """The settings that say where files lie."""
        address = self.network.join("bucket", 40)
        with self.network.inside("bucket"):
            host, settings = bucket.start(self.folder / "bucket-host", address, DIES_WITH_US)
        self._ends.callback(host.close)
        return settings

    def _make_host(self, name: str, database_url: str) -> Installation:
        settings: dict[str, Any] = {
            "DATABASE_URL": database_url,
            "HOST": self.addresses[name],
            "PORT": SIDECAR_PORT,
            "DASHBOARD_PORT": DASHBOARD_PORT,
            "OPEN_DASHBOARD": 1,
            "PUBLIC_URL": f"https://{HOOKS}",
            "FIRST_POLL_S": 2,
            **self._storage,
        }
        installation = bucket.BucketInstallation(self.folder / name, self.fal_url, **settings)
        installation.before = DIES_WITH_US
        return installation


@contextmanager
def cluster(folder: Path, **options: Any) -> Iterator[Cluster]:
    """A cluster, for as long as the block lasts; this thread is outside of its hosts meanwhile."""
    network = Network()
    try:
        made = Cluster(folder, network, **options)
        try:
            yield made
        finally:
            made.close()
    finally:
        network.close()
