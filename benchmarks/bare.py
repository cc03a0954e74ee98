"""The yardstick: bare Flask routes under the same waitress, with one durable insert each.

DATABASE is a file for SQLite, or a postgresql:// URL: one lasting psycopg connection a thread.

`python -m benchmarks.bare PORT DATABASE [PUBLIC KEY IN HEX]`
"""

import hashlib
import sqlite3
import sys
import threading
from collections.abc import Callable
from typing import Any

import psycopg
import waitress
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from flask import Flask, request

from backend.web.serve import CHANNEL_TIMEOUT_S, CONNECTION_LIMIT, THREADS


def _sqlite(database: str) -> Callable[[bytes], None]:
    class Local(threading.local):
        def __init__(self) -> None:
            self.connection = sqlite3.connect(database, isolation_level=None, timeout=30)
            self.connection.execute("PRAGMA journal_mode = WAL")
            self.connection.execute("PRAGMA synchronous = FULL")

    local = Local()

    local.connection.execute("CREATE TABLE IF NOT EXISTS kept (id INTEGER PRIMARY KEY, body BLOB)")

    def keep(body: bytes) -> None:
        local.connection.execute("BEGIN IMMEDIATE")
        local.connection.execute("INSERT INTO kept (body) VALUES (?)", (body,))
        local.connection.execute("COMMIT")

    return keep


def _postgres(database: str) -> Callable[[bytes], None]:
    class Local(threading.local):
        def __init__(self) -> None:
            self.connection = psycopg.connect(database)

    local = Local()

    local.connection.execute("CREATE TABLE IF NOT EXISTS kept (id bigserial PRIMARY KEY, body bytea)")
    local.connection.commit()

    def keep(body: bytes) -> None:
        local.connection.execute("INSERT INTO kept (body) VALUES (%s)", (body,))
        local.connection.commit()

    return keep


def create_app(database: str, key: bytes | None) -> Flask:
    app = Flask("bare")
    keep = _postgres(database) if database.startswith("postgresql://") else _sqlite(database)

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
        connection_limit=CONNECTION_LIMIT,
        channel_timeout=CHANNEL_TIMEOUT_S,
    )
