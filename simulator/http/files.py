"""Files that a test lays down, for outputs to name: served as it says, to anybody with the link."""

import json
import re
from pathlib import Path

from flask import Blueprint, Response, abort, request, send_file

from simulator.engine.installation import Current
from simulator.http.answers import json_answer

_NAME = re.compile(r"[\w-][\w. -]{0,99}")


def routes(current: Current) -> Blueprint:
    """`PUT /sim/files/<name>` lays a file down, `DELETE` takes it away, `GET /files/<name>` serves it.

    `Content-Type` is served as it was given, with each `?header=Name: value`; `?chunked=1`: without a length.
    """
    blueprint = Blueprint("files", __name__)

    @blueprint.put("/sim/files/<name>")
    def lay_down(name: str) -> Response:
        path = _path(name)
        about = {
            "content_type": request.content_type,
            "headers": [line.split(": ", 1) for line in request.args.getlist("header")],
            "chunked": request.args.get("chunked") == "1",
        }
        path.with_name(f"{name}.about").write_text(json.dumps(about))
        path.write_bytes(request.get_data())
        return json_answer({"url": f"{current().url}/files/{name}"}, 201)

    @blueprint.delete("/sim/files/<name>")
    def take_away(name: str) -> tuple[str, int]:
        _path(name).unlink(missing_ok=True)
        return "", 204

    @blueprint.get("/files/<path:name>")
    def serve(name: str) -> Response:
        path = _path(name)
        if not path.is_file():
            abort(404)
        about = json.loads(path.with_name(f"{name}.about").read_text())
        if about["chunked"]:
            content = path.read_bytes()
            response = Response((part for part in (content,)), content_type=about["content_type"])
        else:
            response = send_file(
                path, mimetype=about["content_type"] or "application/octet-stream", conditional=True
            )
        if about["content_type"] is None:
            del response.headers["Content-Type"]
        for header, value in about["headers"]:
            response.headers[header] = value
        return response

    def _path(name: str) -> Path:
        if not _NAME.fullmatch(name):
            abort(404)
        return current().config.files_dir / name

    return blueprint
