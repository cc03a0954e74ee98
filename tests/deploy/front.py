"""The shipped nginx configuration, run: only addresses, ports and paths are put in its place."""

import contextlib
import datetime
import http.client
import re
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests import programs
from tests.e2e.installation import ROOT
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
    """

    def __init__(
        self,
        folder: Path,
        *,
        dashboards: Sequence[str],
        sidecars: Sequence[str],
        who: str,
        change: Any = (),
        address: str = "127.0.0.1",
        ports: tuple[int, int, int] | None = None,
    ) -> None:
        self.folder, self.address = folder, address
        self.port, self.plain, self.watch = ports or (reserve_port(), reserve_port(), reserve_port())
        self._popen: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copytree(DEPLOY / "nginx" / "dailies", folder / "dailies")
        certificate(folder)
        self._put_in_place({"dashboards": dashboards, "sidecars": sidecars, "who": [who]}, dict(change))

    def _put_in_place(self, upstreams: dict[str, Sequence[str]], change: dict[str, str]) -> None:
        text = (DEPLOY / "nginx" / "dailies.conf").read_text()
        text = "\n".join(line for line in text.splitlines() if "listen [::]" not in line)
        for old, new in {
            "listen 443 ": f"listen {self.address}:{self.port} ",
            "listen 80 ": f"listen {self.address}:{self.plain} ",
            "listen 127.0.0.1:8081": f"listen 127.0.0.1:{self.watch}",
            "/var/log/nginx/dailies.log": f"{self.folder}/access.log",
            "/var/log/nginx/dailies-error.log": f"{self.folder}/dailies-error.log",
        }.items():
            assert old in text, old
            text = text.replace(old, new)
        self._write("dailies.conf", text, change)
        tls = (self.folder / "dailies/tls.conf").read_text().replace("/etc/ssl/dailies", str(self.folder))
        self._write("dailies/tls.conf", tls, change)
        servers = (self.folder / "dailies/upstreams.conf").read_text()
        for name, places in upstreams.items():
            servers = _servers(servers, name, places)
        self._write("dailies/upstreams.conf", servers, change)
        self._write("dailies/proxy.conf", (self.folder / "dailies/proxy.conf").read_text(), change)
        root = "user root;" if Path("/proc/self").stat().st_uid == 0 else ""
        self._write("nginx.conf", MAIN.format(folder=self.folder, user=root), {})

    def _write(self, name: str, text: str, change: dict[str, str]) -> None:
        for old, new in change.items():
            text = text.replace(old, new)
        (self.folder / name).write_text(text)

    def check(self) -> "subprocess.CompletedProcess[str]":
        """`nginx -t`."""
        return subprocess.run([*self._command, "-t"], capture_output=True, text=True, timeout=30)

    @property
    def _command(self) -> list[str]:
        return [
            programs.path_of("nginx"),
            "-p",
            str(self.folder),
            "-c",
            str(self.folder / "nginx.conf"),
            "-e",
            "stderr",
        ]

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
        self,
        name: str,
        method: str,
        path: str,
        body: Any = None,
        headers: dict[str, str] | None = None,
        within_s: float = 60,
    ) -> "Answer":
        """One call to one of its names over TLS, whose certificate is checked.

        within_s: how long to wait for a sign of life.
        """
        line = http.client.HTTPSConnection(self.address, self.port, timeout=within_s)
        line.sock = self.shake(name, within_s)
        try:
            # A body that is too large is answered before it is read.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                line.request(method, path, body=body, headers={"Host": name, **(headers or {})})
            answer = line.getresponse()
            return Answer(answer.status, dict(answer.getheaders()), answer.read())
        finally:
            line.close()

    def shake(self, name: str, within_s: float = 60) -> ssl.SSLSocket:
        """A TLS connection to one of its names."""
        context = ssl.create_default_context(cafile=str(self.folder / "certificate.pem"))
        sock = socket.create_connection((self.address, self.port), timeout=within_s)
        try:
            return context.wrap_socket(sock, server_hostname=name)
        except BaseException:
            sock.close()
            raise

    def log(self) -> str:
        return (self.folder / "access.log").read_text()

    def all_logs(self) -> str:
        """Whatever it wrote anywhere."""
        return "".join(path.read_text() for path in self.folder.glob("*.log"))


class Answer:
    """What came back."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status, self.body = status, body
        self.headers = {name.lower(): value for name, value in headers.items()}


def _servers(text: str, name: str, places: Sequence[str]) -> str:
    """The upstream of that name with these servers, and everything else of it as it is shipped."""
    block = re.search(rf"upstream dailies_{name} \{{.*?\n\}}", text, re.DOTALL)
    assert block, name
    line = re.search(r"server \S+?( .*)?;", block[0])
    assert line, name
    servers = "\n".join(f"    server {place}{line[1] or ''};" for place in places)
    bare = re.sub(r"\n    server [^\n]*;", "", block[0])
    return text.replace(block[0], f"{bare.removesuffix('}')}{servers}\n}}")


def certificate(folder: Path) -> None:
    """A certificate for both names, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "dailies test")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(DASHBOARD), x509.DNSName(HOOKS)]), False)
        .sign(key, hashes.SHA256())
    )
    (folder / "certificate.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )


class Host:
    """A host behind nginx that writes down what it is asked.

    answers: what to do with a request: `(handler, body)`; by default 200 with the host's name. One that
    answers nothing has died in mid-request.
    """

    def __init__(self, name: str, answers: Callable[[Any, bytes], None] | None = None) -> None:
        self.name, self.asked = name, list[tuple[str, str, dict[str, str], int]]()
        host = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # head and body are two writes

            def handle_one(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                host.asked.append((self.command, self.path, dict(self.headers.items()), len(body)))
                (answers or host.fine)(self, body)

            do_GET = do_POST = do_PUT = do_HEAD = handle_one

            def log_message(self, *_: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 512  # a page asks for a hundred files at once

        self._server = Server(("127.0.0.1", 0), Handler)
        self.place = f"127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def fine(self, handler: Any, body: bytes) -> None:
        say(handler, 200, self.name.encode())

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def say(handler: Any, status: int, body: bytes = b"", **headers: str) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.send_header("Content-Length", str(len(body)))
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # whoever asked has its answer already
        handler.end_headers()
        handler.wfile.write(body)


def login(handler: Any, body: bytes) -> None:
    """As oauth2-proxy answers nginx: 202 and who it is, or 401."""
    if handler.path == "/oauth2/auth":
        known = "session=known" in (handler.headers.get("Cookie") or "")
        say(handler, 202 if known else 401, **({"X_Auth_Request_Email": "ana@example.com"} if known else {}))
    else:
        say(handler, 200, b"who are you?")


def die(handler: Any, body: bytes) -> None:
    """The request was read, and its host is gone."""
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)
