"""Which takes a query asks for: the one way to read the history's query, the gallery's address, the wall's.

Each name stands in `_NAMES` with how its text is read. Everything at fault is named at once, an unknown name
with the nearest one that is known.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from backend.domain.errors import InvalidRequest
from backend.domain.library.marks import fold_name
from backend.domain.library.review import Sort
from backend.domain.prompt import AXES
from backend.domain.states import ACTIVE_STATES, API_STATUS, JobState
from backend.domain.take_filter import TakeFilter
from backend.domain.text import unknown_names
from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.gallery import filter_values as values
from backend.store.experiments import takes as experiments
from backend.store.search import distinct

#: Names that may be given several times: any of the values will do; of tags, all must hold.
SEVERAL = frozenset({"status", "model", "owner", "tag", "review", "cell"})
#: What a page is asked for besides the filters.
PAGE_NAMES = ("limit", "cursor", "count")
#: What stood in the gallery's address before: word -> states.
OLD_STATES: Mapping[str, frozenset[JobState]] = {
    "moving": ACTIVE_STATES,
    "ready": frozenset({JobState.STORED}),
    "held": frozenset({JobState.HELD}),
    "failed": frozenset({JobState.FAILED}),
    "stopped": frozenset({JobState.CANCELLED}),
}
TEXT_MAX_CHARS = 1000

_STATES = {
    word: frozenset(state for state, status in API_STATUS.items() if word in (status, state))
    for word in dict.fromkeys((*API_STATUS.values(), *JobState))
}
_TEXTS = ("q", "owner", "model", "tag", "project", "collection", "experiment", "cell")
_STYLE = "style."

#: name -> how one text of it is read; raises ValueError with what it must be.
_NAMES: Mapping[str, Callable[[str], Any]] = {
    "status": values.one_of(_STATES),
    **dict.fromkeys(_TEXTS, values.text(TEXT_MAX_CHARS)),
    "provider": values.text(TEXT_MAX_CHARS),
    "mine": values.flag,
    "review": values.review,
    "favourite": values.flag,
    "picks": values.flag,
    "rating_min": values.number(1, 5),
    "rated": values.flag,
    **dict.fromkeys((f"{_STYLE}{axis}" for axis in AXES), values.text(TEXT_MAX_CHARS)),
    "has_error": values.flag,
    "since": values.since,
    "until": values.until,
    "ratio": values.ratio,
    **dict.fromkeys(("min_cost", "max_cost"), values.number(0, 1e6)),
    **dict.fromkeys(("min_length", "max_length"), values.number(0, 1e6)),
    "trashed": values.flag,
    "sort": values.sort,
}
#: Every name of a filter, and `sort`.
FILTER_NAMES = tuple(_NAMES)
_OLD_NAMES: Mapping[str, Callable[[str], Any]] = {
    "state": values.one_of(OLD_STATES),
    "person": _NAMES["owner"],
    "mine": values.old_flag,
}
_PAGE: Mapping[str, Callable[[str], Any]] = {"limit": str, "cursor": str, "count": values.flag}


@dataclass(frozen=True)
class PageQuery:
    """A page of takes: which, how many, from where on, and whether they are to be counted."""

    wanted: TakeFilter
    limit: int
    cursor: str | None
    count: bool


def parse_filter(
    deps: Deps, viewer: Viewer, pairs: Iterable[tuple[str, str]], *, old_links: bool = False
) -> TakeFilter:
    """The takes that these pairs of name and text ask for; "" is as if nothing was given.

    old_links: what stood in the gallery's address before is read as well.

    Raises:
        InvalidRequest: names everything that is not known or can't be read.
    """
    return _Reader(deps, viewer, {**_NAMES, **(_OLD_NAMES if old_links else {})}, pairs).filter()


def parse_page(
    deps: Deps, viewer: Viewer, pairs: Iterable[tuple[str, str]], *, limit: int, limit_max: int
) -> PageQuery:
    """The same, with `limit` (else this one), `cursor` and `count`.

    Raises:
        InvalidRequest: names everything that is not known or can't be read.
    """
    reader = _Reader(deps, viewer, {**_NAMES, **_PAGE, "limit": values.whole(1, limit_max)}, pairs)
    order = reader.one("sort") or Sort.NEWEST
    cursor = reader.read_as("cursor", lambda text: values.cursor(text, order))
    wanted = reader.filter()
    return PageQuery(wanted, reader.one("limit") or limit, cursor, bool(reader.one("count")))


def filter_pairs(wanted: TakeFilter) -> list[tuple[str, str]]:
    """The query that asks for these takes, as an address holds it; what is not asked for is left out."""
    found: list[tuple[str, str | None]] = [("q", wanted.text)]
    states = frozenset(map(JobState, wanted.states or ()))
    whole = [word for word in dict.fromkeys(API_STATUS.values()) if _STATES[word] <= states]
    rest = states.difference(*(_STATES[word] for word in whole))
    found += [("status", str(word)) for word in (*whole, *sorted(rest))]
    found += [("model", one) for one in wanted.models or ()]
    found += [("owner", one) for one in wanted.owners or ()] + [("tag", one) for one in wanted.tags]
    found += [("review", str(one)) for one in sorted(wanted.review or ())]
    found += [(name, getattr(wanted, name)) for name in ("provider", "project", "collection", "ratio")]
    found += [("favourite", "1" if wanted.favourite_of else "0" if wanted.not_favourite_of else None)]
    found += [("mine", "0" if wanted.not_owners else None), ("trashed", "1" if wanted.trashed else None)]
    found += [("picks", "1" if wanted.picks_of else "0" if wanted.not_picks_of else None)]
    flags = (("rated", wanted.rated), ("has_error", wanted.has_error))
    found += [(name, None if value is None else str(int(value))) for name, value in flags]
    numbers = (
        ("rating_min", wanted.rating_min), ("min_cost", wanted.min_cost), ("max_cost", wanted.max_cost),
        ("min_length", wanted.min_length_s), ("max_length", wanted.max_length_s),
    )  # fmt: skip
    found += [(name, None if value is None else f"{value:.12g}") for name, value in numbers]
    found += [(f"{_STYLE}{axis}", label) for axis, label in wanted.style]
    moments = (("since", wanted.since), ("until", wanted.until))
    found += [(name, at.isoformat() if at else None) for name, at in moments]
    found += [("experiment", wanted.experiment), *(("cell", cell) for cell in wanted.cells)]
    found += [("sort", None if wanted.sort is Sort.NEWEST else str(wanted.sort))]
    return [(name, value) for name, value in found if value]


class _Reader:
    """One query, read name by name."""

    def __init__(
        self, deps: Deps, viewer: Viewer, names: Mapping[str, Callable[[str], Any]],
        pairs: Iterable[tuple[str, str]],
    ) -> None:  # fmt: skip
        self._deps, self._viewer, self._names = deps, viewer, names
        given: dict[str, list[str]] = {}
        for name, text in pairs:
            given.setdefault(name, []).append(text)
        self._given = given
        self.faults = unknown_names(given, sorted(names))
        self._read: dict[str, list[Any]] = {}
        for name, read in names.items():
            self._read_name(name, read, [text for text in given.get(name, ()) if text or name == "limit"])

    def one(self, name: str) -> Any:
        """The value of a name; None: not given, or at fault."""
        return next(iter(self._read.get(name, ())), None)

    def read_as(self, name: str, read: Callable[[str], Any]) -> Any:
        """The same, of a name whose text can be read only now."""
        text = self.one(name)
        self._read_name(name, read, [text] if text else [])
        return self.one(name)

    def filter(self) -> TakeFilter:
        """All of it. Raises InvalidRequest."""
        one, viewer = self.one, self._viewer
        mine, favourite = one("mine"), one("favourite")
        people = [*self._read.get("owner", ()), *self._read.get("person", ())]
        owners = tuple(dict.fromkeys(people)) or (viewer.owner_names if mine else None)
        if people and mine:
            owners = tuple(name for name in owners or () if viewer.owns(name))
        cells = tuple(dict.fromkeys(self._read.get("cell", ())))
        wanted = TakeFilter(
            owners=owners,
            states=self._union("status", "state"),
            model=tuple(dict.fromkeys(self._read.get("model", ()))) or None,
            provider=one("provider"),
            text=one("q"),
            project=one("project"),
            collection=one("collection"),
            tags=tuple(dict.fromkeys(map(fold_name, self._read.get("tag", ())))),
            review=frozenset(self._read["review"]) if self._read.get("review") else None,
            favourite_of=viewer.owner_names if favourite else None,
            rating_min=one("rating_min"),
            rated=one("rated"),
            style=tuple((axis, one(f"{_STYLE}{axis}")) for axis in AXES if one(f"{_STYLE}{axis}")),
            has_error=one("has_error"),
            since=one("since"),
            until=one("until"),
            ratio=one("ratio"),
            min_cost=one("min_cost"),
            max_cost=one("max_cost"),
            min_length_s=one("min_length"),
            max_length_s=one("max_length"),
            trashed=bool(one("trashed")),
            sort=one("sort") or Sort.NEWEST,
            not_owners=viewer.owner_names if mine is False else (),
            not_favourite_of=viewer.owner_names if favourite is False else (),
            picks_of=viewer.owner_names if one("picks") else None,
            not_picks_of=viewer.owner_names if one("picks") is False else (),
            ids=self._ids(one("experiment"), cells),
            experiment=one("experiment"),
            cells=cells,
        )
        self._check(wanted)
        if self.faults:
            raise InvalidRequest(self.faults)
        return wanted

    def _read_name(self, name: str, read: Callable[[str], Any], texts: list[str]) -> None:
        if len(texts) > 1 and name not in SEVERAL and name != "state":
            self.faults[name] = "is given more than once"
            return
        try:
            values_read = [read(text) for text in texts]
            self._read[name] = [value for value in values_read if value is not None]  # blanks alone: nothing
        except ValueError as error:
            self.faults[name] = str(error)
            self._read[name] = []

    def _union(self, *names: str) -> frozenset[str] | None:
        """The states of every word that is given; None: of none."""
        groups = [group for name in names for group in self._read.get(name, ())]
        return frozenset(str(state) for group in groups for state in group) if groups else None

    def _ids(self, experiment: str | None, cells: tuple[str, ...]) -> tuple[str, ...] | None:
        """The takes of an experiment, or of some cells; None: neither is asked for."""
        if experiment is None and not cells:
            return None
        with self._deps.store.read() as session:
            if experiment is not None and not experiments.is_there(session, experiment):
                self.faults["experiment"] = "there is none with that id"
            return tuple(experiments.list_takes(session, experiment=experiment, cells=cells))

    def _check(self, wanted: TakeFilter) -> None:
        """Are the projects and collections there, the provider known, and do ranges begin before they end?"""
        for name, end in (("since", "until"), ("min_cost", "max_cost"), ("min_length", "max_length")):
            low, high = self.one(name), self.one(end)
            if low is not None and high is not None and low > high:
                self.faults[end] = f"{'lies before' if name == 'since' else 'is less than'} {name}"
        if wanted.provider and wanted.provider not in (known := known_providers(self._deps)):
            self.faults |= values.unknown_value("provider", wanted.provider, known)
        if wanted.project or wanted.collection:
            with self._deps.store.read() as session:
                missing = distinct.missing(session, project=wanted.project, collection=wanted.collection)
            self.faults |= dict.fromkeys(missing, "there is none with that id")


def known_providers(deps: Deps) -> list[str]:
    """Every provider that takes can come from."""
    return sorted({*deps.providers, *(model.provider for model in deps.catalogue.search())})
