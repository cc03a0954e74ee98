"""Uploads, both ways that fal's clients know, and the files that came of them.

Source: fal_client 1.0.3, `upload`, `upload_file`; fal documentation, "Files".
"""

import json
import re
import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, jsonify, request, send_file

from simulator.engine.ledger import JSON

if TYPE_CHECKING:
    from simulator.app import Simulator

#: How long an upload token is good for.
TOKEN_S = 3600

_ID = re.compile(r"[0-9a-f]{32}")


def routes(sim: "Simulator") -> Blueprint:
    """The routes below /storage and /files."""
    blueprint = Blueprint("uploads", __name__)
    folder = (sim.config.data_dir / "uploads").resolve()  # Flask looks for others beside its own code

    @blueprint.post("/storage/auth/token")
    def token() -> tuple[Response, int]:
        if not sim.knows(request.headers.get("Authorization")):
            return jsonify({"detail": "Authentication is required"}), 401
        return jsonify(_token(sim)), 200

    @blueprint.post("/files/upload")
    def upload() -> tuple[Response, int]:
        if not sim.knows(request.headers.get("Authorization")):
            return jsonify({"detail": "Authentication is required"}), 401
        name = request.headers.get("X-Fal-File-Name", "file")
        url = _keep(sim, folder, request.get_data(), name, request.content_type)
        return jsonify({"access_url": url}), 200

    @blueprint.post("/storage/upload/initiate")
    def initiate() -> tuple[Response, int]:
        if not sim.knows(request.headers.get("Authorization")):
            return jsonify({"detail": "Authentication is required"}), 401
        body = request.get_json(silent=True)
        asked: JSON = body if isinstance(body, dict) else {}
        url = _keep(sim, folder, b"", str(asked.get("file_name", "file")), str(asked.get("content_type", "")))
        return jsonify({"upload_url": url, "file_url": url}), 200

    @blueprint.put("/files/<file_id>/<name>")
    def put(file_id: str, name: str) -> tuple[str, int]:
        if not _ID.fullmatch(file_id) or not (folder / file_id).is_file():
            return "", 404
        _write(folder / file_id, request.get_data())
        return "", 200

    @blueprint.get("/files/<file_id>/<name>")
    def get(file_id: str, name: str) -> Response | tuple[str, int]:
        path = folder / file_id
        if not _ID.fullmatch(file_id) or not path.is_file():
            return "", 404
        about = json.loads(path.with_suffix(".json").read_text())
        return send_file(path, mimetype=about["content_type"], conditional=True, download_name=about["name"])

    return blueprint


def _token(sim: "Simulator") -> JSON:
    """A token for uploads, in the form that fal's clients read."""
    return {
        "token": sim.config.key or secrets.token_urlsafe(24),
        "token_type": "Bearer",
        "base_url": sim.url,
        "expires_at": (datetime.now(UTC) + timedelta(seconds=TOKEN_S)).isoformat(),
    }


def _keep(sim: "Simulator", folder: Path, body: bytes, name: str, content_type: str | None) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    file_id = secrets.token_hex(16)
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", name)[-80:].lstrip(".") or "file"
    about: dict[str, Any] = {"name": plain, "content_type": content_type or "application/octet-stream"}
    _write(folder / f"{file_id}.json", json.dumps(about).encode())
    _write(folder / file_id, body)
    return f"{sim.url}/files/{file_id}/{plain}"


def _write(path: Path, body: bytes) -> None:
    part = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
    part.write_bytes(body)
    part.replace(path)
