"""What a test wants a model to give: outputs of its own, and the files that they name."""

import json
import re
from pathlib import Path

from flask import Blueprint, Response, abort, request, send_file

from simulator.engine.installation import Current
from simulator.engine.ledger import Output
from simulator.http.answers import json_answer, json_body

_NAME = re.compile(r"[\w-][\w. -]{0,99}")


def routes(current: Current) -> Blueprint:
    """`POST /sim/outputs {match, output}` says what requests give whose prompt holds a text.

    `PUT /sim/files/<name>` lays a file down, `DELETE` takes it away, `GET /files/<name>` serves it.
    `Content-Type` is served as it was given, with each `?header=Name: value`; `?chunked=1`: without a length.
    """
    blueprint = Blueprint("files", __name__)

    @blueprint.post("/sim/outputs")
    def add_output() -> Response:
        body = json_body()
        if not isinstance(body.get("match"), str):
            return json_answer({"error": "match: a text; output: what requests with it give"}, 400)
        current().ledger.save_output(Output(body["match"], body.get("output")))
        return json_answer(body, 201)

    @blueprint.put("/sim/files/<name>")
    def put_file(name: str) -> Response:
        _save(_path(current, name))
        return json_answer({"url": f"{current().url}/files/{name}"}, 201)

    @blueprint.delete("/sim/files/<name>")
    def delete_file(name: str) -> tuple[str, int]:
        _path(current, name).unlink(missing_ok=True)
        return "", 204

    @blueprint.get("/files/<path:name>")
    def get_file(name: str) -> Response:
        return _served(_path(current, name))

    return blueprint


def _path(current: Current, name: str) -> Path:
    if not _NAME.fullmatch(name):
        abort(404)
    return current().config.files_dir / name


def _about(path: Path) -> Path:
    return path.with_name(f"{path.name}.about")


def _save(path: Path) -> None:
    about = {
        "content_type": request.content_type,
        "headers": [line.split(": ", 1) for line in request.args.getlist("header")],
        "chunked": request.args.get("chunked") == "1",
    }
    _about(path).write_text(json.dumps(about))
    path.write_bytes(request.get_data())


def _served(path: Path) -> Response:
    if not path.is_file():
        abort(404)
    if not _about(path).is_file():  # the simulator's own
        return send_file(path, conditional=True)
    about = json.loads(_about(path).read_text())
    kind = about["content_type"]
    if about["chunked"]:
        response = Response(iter([path.read_bytes()]), content_type=kind)
    else:
        response = send_file(path, mimetype=kind or "application/octet-stream", conditional=True)
    if kind is None:
        del response.headers["Content-Type"]
    for header, value in about["headers"]:
        response.headers[header] = value
    return response
