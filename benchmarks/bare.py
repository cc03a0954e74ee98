"""The yardstick: bare Flask routes under the same waitress, with one durable SQLite insert each.

`python -m benchmarks.bare PORT DATABASE [PUBLIC KEY IN HEX]`
"""

import hashlib
import sqlite3
import sys
import threading
from typing import Any

import waitress
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from flask import Flask, request

from backend.web.serve import CHANNEL_TIMEOUT_S, CONNECTIONS, THREADS


def create_app(database: str, key: bytes | None) -> Flask:
    app, local = Flask("bare"), threading.local()

    def connection() -> sqlite3.Connection:
        if not hasattr(local, "connection"):
            local.connection = sqlite3.connect(database, isolation_level=None, timeout=30)
            local.connection.execute("PRAGMA journal_mode = WAL")
            local.connection.execute("PRAGMA synchronous = FULL")
        return local.connection

    connection().execute("CREATE TABLE IF NOT EXISTS kept (id INTEGER PRIMARY KEY, body BLOB)")

    def keep(body: bytes) -> None:
        connection().execute("BEGIN IMMEDIATE")
        connection().execute("INSERT INTO kept (body) VALUES (?)", (body,))
        connection().execute("COMMIT")

    @app.post("/insert")
    def insert() -> Any:
        keep(request.get_data())
        return {"id": 1}, 202

    @app.post("/verified")
    def verified() -> Any:
        body = request.get_data()
        head = [request.headers[f"X-Fal-Webhook-{name}"] for name in ("Request-Id", "User-Id", "Timestamp")]
        message = "\n".join([*head, hashlib.sha256(body).hexdigest()]).encode()
        assert key is not None
        Ed25519PublicKey.from_public_bytes(key).verify(
            bytes.fromhex(request.headers["X-Fal-Webhook-Signature"]), message
        )
        keep(body)
        return {"ok": True}

    return app


if __name__ == "__main__":
    key = bytes.fromhex(sys.argv[3]) if len(sys.argv) > 3 else None
    waitress.serve(
        create_app(sys.argv[2], key),
        host="127.0.0.1",
        port=int(sys.argv[1]),
        threads=THREADS,
        connection_limit=CONNECTIONS,
        channel_timeout=CHANNEL_TIMEOUT_S,
    )
