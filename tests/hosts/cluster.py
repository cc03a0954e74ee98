"""Three hosts with a dashboard, a sidecar and a worker each; and those of nginx, database, bucket, provider.

As docs/operations.md has it, on a network of its own: the shipped nginx configuration on port 443, webhooks
by TLS and the public name.
"""

import signal
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from tests import bucket, databases
from tests.deploy.front import HOOKS, Front, Host, login
from tests.e2e import launcher
from tests.e2e.drill import LAUNCHER
from tests.e2e.installation import ROOT, Installation, Process, answers
from tests.hosts.network import Network
from tests.waiting import eventually

#: The hosts that may die, and the last number of their addresses, as deploy/nginx has them.
HOSTS = {"one": 11, "two": 12, "three": 13}
DATABASE_PORT, BUCKET_PORT, FAL_PORT, SIDECAR_PORT, DASHBOARD_PORT = 5432, 9000, 8788, 8787, 8501
#: Children die with the process of the tests, however that ends.
DIES_WITH_US = ("setpriv", "--pdeathsig", "KILL")
PREFIX = "installation"


class BucketInstallation(Installation):
    """An installation whose whole files are objects; they are looked at past the program."""

    client: Any
    bucket: str

    def file(self, key: str) -> bytes | None:
        with suppress(ClientError):
            found = self.client.get_object(Bucket=self.bucket, Key=f"{PREFIX}/{key}")
            content: bytes = found["Body"].read()
            return content
        return None

    def file_names(self) -> list[str]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=f"{PREFIX}/")
        keys = [item["Key"].removeprefix(f"{PREFIX}/") for page in pages for item in page.get("Contents", ())]
        return [key for key in keys if "/" not in key]


class Cluster:
    """All hosts, running; the calling thread is outside of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.hosts: dict[str, Installation] = {}
        self._ends = ExitStack()
        try:
            self._build_up()
        except BaseException:
            self.close()
            raise

    def _build_up(self) -> None:
        self._ends.enter_context(databases.choose("sqlite"))  # the hosts' own server is the only one in reach
        launcher.prepare()  # no host that dies may have it
        self.network = Network()
        self._ends.callback(self.network.close)
        self.addresses = {name: self.network.join(name, number) for name, number in HOSTS.items()}
        self.network.join("outside", 2)
        self._ends.enter_context(self.network.inside("outside"))
        self.database = databases.Server(self.network.join("database", 20), DATABASE_PORT)
        self._ends.callback(self.database.close)
        self.start_database()
        self.front = self._make_front(self.network.join("front", 10))
        self._make_fal(self.network.join("fal", 30))
        address = self.network.join("bucket", 40)
        with self.network.inside("bucket"):
            self._storage = bucket.Server(address, BUCKET_PORT, *DIES_WITH_US)
        self._ends.callback(self._storage.close)
        places = {"DATABASE_URL": self.database.fresh(), "BUCKET": self._storage.new_bucket()}
        self.hosts = {name: self._make_host(name, **places) for name in HOSTS}
        for step in (self.start, self.ready):
            for name in HOSTS:
                step(name)

    # -- hosts that may die ---------------------------------------------------------------------

    def start(self, name: str) -> None:
        """Start everything that runs on this host; see `ready`."""
        installation = self.hosts[name]
        with self.network.inside(name):
            installation.run("sidecar", ROOT / "webhook_server.py")
            installation.worker()
            installation.start_dashboard()

    def ready(self, name: str) -> None:
        """Wait until it answers again, and all of its processes live."""
        installation = self.hosts[name]
        newest = {process.name: process for process in installation.processes}.values()

        def up() -> bool:
            assert all(process.alive for process in newest), installation.logs()
            places = (f"{SIDECAR_PORT}/readyz", f"{DASHBOARD_PORT}/_stcore/health")
            return all(answers(f"http://{installation.address}:{place}") for place in places)

        eventually(up)

    def break_workers(self, build: str) -> None:
        """Each host's worker is killed, and this broken build of it takes its place."""
        for name, installation in self.hosts.items():
            next(one for one in reversed(installation.processes) if one.name == "worker").kill()
            with self.network.inside(name):
                worker = installation.worker(*LAUNCHER, "worker", BROKEN_BUILD=build)
            eventually(lambda worker=worker: "worker started" in worker.said(), process=worker)

    def kill(self, name: str) -> None:
        """kill -9 of all that runs there."""
        self.network.send(name, signal.SIGKILL)
        self.hosts[name].close_processes()

    def freeze(self, name: str) -> None:
        self.network.send(name, signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        self.network.send(name, signal.SIGCONT)

    def kill_database(self) -> None:
        """As if its power had failed."""
        self.database.stop(signal.SIGQUIT)

    def start_database(self) -> None:
        with self.network.inside("database"):
            self.database.start()

    def close(self) -> None:
        """Afterwards no process of it is left, nor its network."""
        for name, installation in self.hosts.items():
            self.network.send(name, signal.SIGKILL)
            installation.close()
        self._ends.close()

    @property
    def any_host(self) -> Installation:
        """One of the three: all of them see the same database and the same files."""
        return self.hosts["one"]

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

    def _make_fal(self, address: str) -> None:
        """It resolves the public name by its own /etc/hosts, which is seen by nobody else."""
        names = self.folder / "hosts"
        names.write_text(f"127.0.0.1 localhost\n{self.front.address} {HOOKS}\n")
        host = Installation(self.folder / "fal-host", "", HOST=address)
        self._ends.callback(host.close)
        mount = f'mount --bind {names} /etc/hosts && exec "$@"'
        private = ("unshare", "--mount", "--propagation", "private", "sh", "-c", mount, "sh")
        host.before = (*private, *DIES_WITH_US)
        self.fal_folder, self.fal_url = self.folder / "fal", f"http://{address}:{FAL_PORT}"
        words = (self.fal_folder, address, FAL_PORT, self.front.folder / "certificate.pem")
        with self.network.inside("fal"):
            fal: Process = host.run("fal", "-m", "tests.hosts.fal", *map(str, words))
        eventually(lambda: answers(f"{self.fal_url}/sim/ledger"), process=fal)

    def _make_host(self, name: str, **places: str) -> Installation:
        settings: dict[str, Any] = {
            **self._storage.env(),
            "DATABASE_URL": places["DATABASE_URL"],
            "STORAGE_URL": f"s3://{places['BUCKET']}/{PREFIX}",
            "HOST": self.addresses[name],
            "PORT": SIDECAR_PORT,
            "DASHBOARD_PORT": DASHBOARD_PORT,
            "OPEN_DASHBOARD": 1,
            "PUBLIC_URL": f"https://{HOOKS}",
            "FIRST_POLL_S": 2,
        }
        installation = BucketInstallation(self.folder / name, self.fal_url, **settings)
        installation.network = self.network.file(name)
        installation.client, installation.bucket = self._storage.client(), places["BUCKET"]
        return installation
