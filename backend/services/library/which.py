"""Which takes a change of many is about: as clients state it."""

from collections.abc import Mapping, Sequence
from typing import Any

from backend.domain.errors import InvalidRequest
from backend.domain.take_filter import TakeFilter
from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.gallery.filter_query import parse_filter


def parse_which(
    deps: Deps, viewer: Viewer, ids: Sequence[str] | None, given: Mapping[str, Any] | None
) -> Sequence[str] | TakeFilter:
    """Ids as they are, or a filter: the history's own names, in JSON.

    Raises:
        InvalidRequest: none or both are given, or names every name of the filter that is at fault.
    """
    if ids is not None and given is not None:
        raise InvalidRequest({"filter": "can't be given together with ids"})
    if ids is not None:
        return ids
    if given is None:
        raise InvalidRequest({"ids": "is missing, like filter; say which takes are meant"})
    try:
        return parse_filter(deps, viewer, filter_pairs(given))
    except InvalidRequest as error:
        raise InvalidRequest({f"filter.{name}": why for name, why in error.fields.items()}) from error


def filter_pairs(given: Mapping[str, Any]) -> list[tuple[str, str]]:
    """A filter in JSON as the pairs of a query: flags as 0 and 1, lists as the same name again and again."""
    pairs: list[tuple[str, str]] = []
    for name, value in given.items():
        if isinstance(value, Mapping):
            pairs += [(f"{name}.{part}", text) for part, text in filter_pairs(value)]
            continue
        known = [one for one in (value if isinstance(value, list) else [value]) if one is not None]
        pairs += [(name, str(int(one)) if isinstance(one, bool) else str(one)) for one in known]
    return pairs
