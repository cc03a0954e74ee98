"""The shipped nginx configuration, run: only addresses, ports and paths are put in its place."""

import re
import shutil
import socket
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import urllib3

from tests import programs
from tests.certificates import certify
from tests.e2e.installation import ROOT
from tests.loopback import Behaviour, Peer, Seen, answer, raw, read_request
from tests.ports import reserve_port
from tests.waiting import eventually

DEPLOY = ROOT / "deploy"
DASHBOARD, HOOKS = "dailies.example.com", "hooks.example.com"
#: The cookie of somebody whom the login knows.
KNOWN = {"Cookie": "session=known"}

MAIN = """
{user}
worker_processes 2;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log info;
events {{ worker_connections 1024; }}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include dailies.conf;
}}
"""


class Front:
    """nginx in front of these dashboards and sidecars, each as `host:port`.

    address: where it listens; ports: for TLS, plain HTTP and whoever watches it; free ones, unless given.
    change: texts of the configuration to replace.
    """

    def __init__(
        self,
        folder: Path,
        *,
        dashboards: Sequence[str],
        sidecars: Sequence[str],
        who: str,
        change: dict[str, str] | None = None,
        address: str = "127.0.0.1",
        ports: tuple[int, int, int] | None = None,
    ) -> None:
        self.folder, self.address = folder, address
        self.port, self.plain, self.watch = ports or (reserve_port(), reserve_port(), reserve_port())
        self._popen: subprocess.Popen[bytes] | None = None
        shutil.copytree(DEPLOY / "nginx", folder, ignore=shutil.ignore_patterns("compose"))
        self._put_in_place({"dashboards": dashboards, "sidecars": sidecars, "who": [who]}, change or {})
        root = "user root;" if Path("/proc/self").stat().st_uid == 0 else ""
        (folder / "nginx.conf").write_text(MAIN.format(folder=folder, user=root))
        for name, content in zip(("certificate.pem", "key.pem"), certify(DASHBOARD, HOOKS), strict=True):
            (folder / name).write_bytes(content)

    def _put_in_place(self, upstreams: dict[str, Sequence[str]], change: dict[str, str]) -> None:
        here = {
            "listen 443 ": f"listen {self.address}:{self.port} ",
            "listen 80 ": f"listen {self.address}:{self.plain} ",
            "listen 127.0.0.1:8081": f"listen 127.0.0.1:{self.watch}",
            "/var/log/nginx": str(self.folder),
            "/etc/ssl/dailies": str(self.folder),
        }
        files = {path: path.read_text() for path in self.folder.rglob("*.conf")}
        for old in here:
            assert any(old in text for text in files.values()), old
        for path, text in files.items():
            text = re.sub(r"\n *listen \[::\].*", "", text)
            for name, places in upstreams.items() if path.name == "upstreams.conf" else ():
                text = _with_servers(text, name, places)
            for old, new in (here | change).items():
                text = text.replace(old, new)
            path.write_text(text)

    def check(self) -> "subprocess.CompletedProcess[str]":
        """`nginx -t`."""
        return subprocess.run([*self._command, "-t"], capture_output=True, text=True, timeout=30)

    @property
    def _command(self) -> list[str]:
        options = ("-p", self.folder, "-c", self.folder / "nginx.conf", "-e", "stderr")
        return [programs.path_of("nginx"), *map(str, options)]

    def start(self) -> "Front":
        """Start it and wait until it listens."""
        self._popen = subprocess.Popen(self._command, stderr=subprocess.DEVNULL)
        eventually(self._listens)
        return self

    def _listens(self) -> bool:
        with socket.socket() as sock:
            return sock.connect_ex((self.address, self.port)) == 0

    def close(self) -> None:
        if self._popen is not None:
            self._popen.terminate()
            self._popen.wait(10)

    def call(
        self, name: str, method: str, path: str, body: Any = None, headers: Any = None, **how: Any
    ) -> urllib3.BaseHTTPResponse:
        """One call to one of its names, with its whole answer. how: as for `connect`."""
        with self.connect(name, **how) as line:
            sent = urllib3.HTTPHeaderDict(headers or {})
            if "Host" not in sent:
                sent["Host"] = name
            return line.request(method, path, body=body, headers=sent, redirect=False)

    def connect(
        self, name: str, *, tls: bool = True, within_s: float = 60
    ) -> urllib3.connectionpool.HTTPConnectionPool:
        """A connection to one of its names, whose certificate is checked.

        within_s: how long to wait for a sign of life.
        """
        kept: dict[str, Any] = {"timeout": within_s, "retries": False, "headers": {"Host": name}}
        if not tls:
            return urllib3.HTTPConnectionPool(self.address, self.plain, **kept)
        kept |= {"ca_certs": str(self.folder / "certificate.pem"), "server_hostname": name}
        return urllib3.HTTPSConnectionPool(self.address, self.port, **kept, assert_hostname=name)

    def log(self) -> str:
        return (self.folder / "dailies.log").read_text()

    def all_logs(self) -> str:
        """Whatever it wrote anywhere."""
        return "".join(path.read_text() for path in self.folder.glob("*.log"))


def _with_servers(text: str, name: str, places: Sequence[str]) -> str:
    """The upstream of that name with these servers, and everything else of it as it is shipped."""
    block = re.search(rf"upstream dailies_{name} \{{.*?\n\}}", text, re.DOTALL)
    assert block, name
    first = re.search(r"\n    server \S+?( .*)?;", block[0])
    assert first, name
    bare = re.sub(r"\n    server .*;", "", block[0]).removesuffix("\n}")
    servers = "".join(f"\n    server {place}{first[1] or ''};" for place in places)
    return text.replace(block[0], f"{bare}{servers}\n}}")


class Host(Peer):
    """A host behind nginx; `seen`: what it was asked. answers: how; by default 200 with the host's name."""

    def __init__(self, name: str, answers: Callable[[Seen], Behaviour] | None = None) -> None:
        self.name, self._answers = name, answers or (lambda seen: answer(200, name.encode()))
        super().__init__(raw(b""))
        self.place = f"127.0.0.1:{self.port}"

    def connection(self, sock: socket.socket) -> None:
        if seen := read_request(sock):
            self.seen.append(seen)
            self._answers(seen)(sock)


def login(seen: Seen) -> Behaviour:
    """As oauth2-proxy answers nginx: 202 and who it is, or 401."""
    if seen.path != "/oauth2/auth":
        return answer(200, b"who are you?")
    if "session=known" in seen.headers.get("cookie", ""):
        return answer(202, X_Auth_Request_Email="ana@example.com")
    return answer(401)


def die(seen: Seen) -> Behaviour:
    """The request was read, and its host is gone."""
    return raw(b"")
