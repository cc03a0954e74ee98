"""A plan out of a file: the whole of it as JSON, or its rows as CSV or Parquet."""

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from backend.domain.errors import InvalidRequest
from backend.domain.shape import load_json
from backend.services.deps import Deps
from backend.services.experiments.doors.files import rows_of_file


def read_plan_file(
    deps: Deps, name: str, content: bytes, given: Mapping[str, Any]
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """(the body of a plan, what was done to its file in sentences).

    given: what is said besides the file, over what stands in it; its `base` name by name.

    Raises:
        InvalidRequest: names everything that is at fault with the file; the plan itself is checked elsewhere.
    """
    if name.lower().endswith(".json"):
        return _over(_object(content), given), ()
    body = _over({"name": PurePath(name).stem, "base": {}}, given)
    base = body["base"] if isinstance(body["base"], Mapping) else {}
    found = rows_of_file(deps, name, content, base)
    return {**body, "rows": found.rows}, found.notes


def _over(body: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    whole = {**body, **given}
    if isinstance(body.get("base"), Mapping) and isinstance(given.get("base"), Mapping):
        whole["base"] = {**body["base"], **given["base"]}
    return whole


def _object(content: bytes) -> dict[str, Any]:
    try:
        body = load_json(content.removeprefix(b"\xef\xbb\xbf"))
    except ValueError as error:
        raise InvalidRequest({"file": f"is no JSON ({str(error)[:120]})"}) from error
    if not isinstance(body, dict):
        raise InvalidRequest({"file": "must hold one JSON object, the plan"})
    return body
