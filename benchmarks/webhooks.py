"""A delivery verified and durable, against a bare Flask route with the same check and one insert."""

import hashlib
import http.server
import json
import statistics
import tempfile
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from benchmarks.common import Result, at_least, free_port, process, rate

#: Many short rounds, in turns with the bare route: a machine that is shared changes its speed within seconds.
ROUNDS, N, CLIENTS = 11, 250, 4
#: path, body and headers of a request
Call = tuple[str, bytes, dict[str, str]]


def run() -> list[Result]:
    ratio, note = measure()
    return [at_least("webhook, verified and durable, against the bare one", ratio, 0.5, note=note)]


def measure(yardstick: str = "", **database: str) -> tuple[float, str]:
    """Our rate against the bare route's, and both in words.

    yardstick: where the bare route inserts, if not into a file; database: DATABASE_URL likewise.
    """
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, _jwks(public) as keys_url:
        env = {
            "DATA_DIR": folder,
            "PORT": str(free_port()),
            "FAL_KEY": "bench:key",
            "FAL_REST_URL": keys_url,
            "FAL_QUEUE_URL": keys_url,
            "FAL_API_URL": keys_url,
            **database,
        }
        given = {name.lower(): value for name, value in database.items()}
        calls = _deliveries(folder, key, (ROUNDS + 1) * N, **given)
        ours, bare = int(env["PORT"]), free_port()
        with (
            process("webhook_server.py", port=ours, env=env),
            process(
                "-m",
                "benchmarks.bare",
                str(bare),
                yardstick or str(Path(folder) / "bare.db"),
                public.hex(),
                port=bare,
            ),
        ):
            ratios, rates = [], []
            for round_ in range(ROUNDS + 1):
                batch = calls[round_ * N : (round_ + 1) * N]
                b = rate(bare, _posted([("/verified", *call[1:]) for call in batch]), n=N, clients=CLIENTS)
                o = rate(ours, _posted(batch), n=N, clients=CLIENTS)
                if round_:  # the first one warms both up
                    ratios.append(o / b)
                    rates.append((o, b))
    o, b = (statistics.median(column) for column in zip(*rates, strict=True))
    return statistics.median(ratios), f"{o:.0f}/s against {b:.0f}/s"


def _posted(calls: list[Call]) -> Callable[[int], tuple[str, str, bytes, dict[str, str]]]:
    return lambda number: ("POST", *calls[number])


def _deliveries(folder: str, key: Ed25519PrivateKey, n: int, **given: str) -> list[Call]:
    """(path, body, headers) of deliveries for jobs that are under way."""
    from backend.bootstrap import open_deps
    from backend.domain.states import JobEvent
    from backend.services import access
    from backend.services.lifecycle.webhook_target import job_token
    from backend.services.takes import create
    from backend.services.takes.request import parse_request
    from backend.settings import load_settings
    from backend.store.jobs import jobs
    from benchmarks.starting import MODEL

    deps = open_deps(load_settings(data_dir=folder, **given))
    viewer = access.Viewer("bench", access.Role.CREATOR)
    secret = deps.settings.secret_key.get_secret_value()
    calls = []
    made = [
        create.create_job(deps, viewer, parse_request({"model": MODEL, "prompt": f"Take {i}"}))
        for i in range(n)
    ]
    with deps.store.begin() as session:
        now = deps.clock.now()
        for job in made:
            jobs.advance(session, job.id, JobEvent.SUBMIT_BEGUN, at=now, by="bench")
            jobs.advance(session, job.id, JobEvent.ACCEPTED, at=now, by="bench", request_id=f"r-{job.id}")
    deps.store.close()
    for job in made:
        body = json.dumps(
            {
                "request_id": f"r-{job.id}",
                "gateway_request_id": f"r-{job.id}",
                "status": "OK",
                "error": None,
                "payload": {
                    "video": {"url": "https://v3b.fal.media/files/b/x/y.mp4", "file_size": 1},
                    "seed": 1,
                },
            }
        ).encode()
        stamp = str(int(time.time()))
        message = "\n".join([f"r-{job.id}", "account", stamp, hashlib.sha256(body).hexdigest()]).encode()
        headers = {
            "X-Fal-Webhook-Request-Id": f"r-{job.id}",
            "X-Fal-Webhook-User-Id": "account",
            "X-Fal-Webhook-Timestamp": stamp,
            "X-Fal-Webhook-Signature": key.sign(message).hex(),
        }
        calls.append((f"/api/video/webhook/{job.id}/{job_token(secret, job.id)}", body, headers))
    return calls


class _jwks:
    """A server that holds nothing but the key set."""

    def __init__(self, public: bytes) -> None:
        body = json.dumps(
            {"keys": [{"kty": "OKP", "crv": "Ed25519", "x": urlsafe_b64encode(public).decode().rstrip("=")}]}
        )

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *args: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def __enter__(self) -> str:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self._server.server_port}"

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
