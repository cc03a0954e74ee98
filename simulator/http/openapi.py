"""The OpenAPI document of a model, in the shape that fal gives it: parts named and referred to.

What an input inlines is taken out here, as fal's own documents do: choices, the objects in lists, and
the objects among alternatives become schemas of their own behind a `$ref`.
"""

import re
from typing import Any

from simulator.engine.ledger import JSON

_HERE = "#/components/schemas/"


def openapi_of(entry: JSON) -> JSON:
    """The queue OpenAPI document of one model, as `expand=openapi-3.0` gives it."""
    endpoint, title = entry["endpoint_id"], entry.get("title", entry["endpoint_id"])
    name = _camel(endpoint)
    content = {"application/json": {"schema": {"$ref": f"{_HERE}{name}Input"}}}
    answer = {"application/json": {"schema": {"$ref": f"{_HERE}{name}Output"}}}
    app = "/".join(endpoint.split("/")[:2])
    return {
        "openapi": "3.0.4",
        "info": {
            "title": f"Queue OpenAPI for {endpoint}",
            "version": "1.0.0",
            "x-fal-metadata": {"endpointId": endpoint, "category": entry.get("category"), "title": title},
        },
        "components": {"schemas": _schemas(name, entry.get("input", {}))},
        "paths": {
            f"/{endpoint}": {"post": {"requestBody": {"required": True, "content": content}}},
            f"/{app}/requests/{{request_id}}": {"get": {"responses": {"200": {"content": answer}}}},
        },
        "servers": [{"url": "https://queue.fal.run"}],
    }


def _schemas(name: str, given: Any) -> JSON:
    file = {"type": "object", "title": "File", "required": ["url"], "properties": {"url": {"type": "string"}}}
    output = {
        "type": "object",
        "title": f"{name}Output",
        "required": ["video"],
        "properties": {"video": {"$ref": f"{_HERE}File"}, "seed": {"type": "integer"}},
        "x-fal-order-properties": ["video", "seed"],
    }
    parts: JSON = {}
    properties = given.get("properties") if isinstance(given, dict) else None
    if isinstance(properties, dict):
        taken = {
            field: _taken_out(prop, f"{name}{_camel(field)}", parts) for field, prop in properties.items()
        }
        given = {**given, "properties": taken}
    return {f"{name}Input": given, f"{name}Output": output, "File": file, **parts}


def _taken_out(prop: Any, name: str, parts: JSON) -> Any:
    """A field with its choices and objects moved into `parts`, a reference in their place."""
    if not isinstance(prop, dict):
        return prop
    prop = dict(prop)
    if len(prop.get("enum") or []) > 2:
        choice = {key: prop.pop(key) for key in ("type", "enum") if key in prop}
        return {"$ref": _kept(parts, f"{name}Choice", choice), **prop}
    if isinstance(prop.get("items"), dict) and prop["items"].get("type") == "object":
        prop["items"] = {"$ref": _kept(parts, f"{name}Element", prop["items"])}
    for key in ("anyOf", "oneOf"):
        if isinstance(prop.get(key), list):
            prop[key] = [_branch(form, f"{name}{number}", parts) for number, form in enumerate(prop[key])]
    return prop


def _branch(form: Any, name: str, parts: JSON) -> Any:
    if not isinstance(form, dict):
        return form
    if form.get("type") == "object" or "enum" in form:
        return {"$ref": _kept(parts, name, form)}
    return _taken_out(form, name, parts)


def _kept(parts: JSON, name: str, schema: JSON) -> str:
    parts[name] = schema
    return f"{_HERE}{name}"


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in re.split(r"[-/._]", name))
