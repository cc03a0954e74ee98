"""The fields of the filters: each shows what the address asks for, and writes into it what is chosen."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st

from backend.domain.library.review import Sort
from backend.domain.prompt import AXES
from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.experiments import view as experiments
from backend.services.gallery import choices
from backend.services.gallery import takes as gallery
from backend.services.library import groups
from backend.services.library.groups import GroupKind
from backend.services.prompting.vocabulary import current_vocabulary
from pages.ui import context
from pages.ui.library import address, words
from pages.ui.library.address import Asked

_MANY = ("status", "model", "owner", "tag", "review")
_ONE = ("project", "collection", "ratio", "rated", "has_error", "sort", *(f"style.{axis}" for axis in AXES))
_NUMBERS = ("rating_min", "min_cost", "max_cost", "min_length", "max_length")
_DAYS = ("since", "until")
#: Choices that many people make, one click away: word -> name and value in the address.
QUICK: Mapping[str, tuple[str, str]] = {
    "Picks": ("picks", "1"),
    "Rejected": ("review", "rejected"),
    "Unrated": ("rated", "0"),
    "Mine": ("mine", "1"),
}


@dataclass(frozen=True)
class Choices:
    """What there is to choose from: value -> what it is called."""

    models: Mapping[str, str]
    owners: Sequence[str]
    projects: Mapping[str, str]
    collections: Mapping[str, str]
    tags: Sequence[str]
    style: Mapping[str, Sequence[str]]
    #: Of experiments and cells those alone that are filtered by now.
    places: Mapping[str, str]


def load_choices(deps: Deps, viewer: Viewer, asked: Asked) -> Choices:
    """Everything that takes which this viewer may see can be filtered by. asked: what they are by now."""
    vocabulary = current_vocabulary(deps)
    return Choices(
        models={model: context.model_title(model) for model in gallery.list_used_models(deps, viewer)},
        owners=gallery.list_owners(deps, viewer),
        projects={one.id: one.name for one in groups.list_groups(deps, viewer, GroupKind.PROJECT)},
        collections={one.id: one.name for one in groups.list_groups(deps, viewer, GroupKind.COLLECTION)},
        tags=choices.list_tags(deps, viewer),
        style={axis: vocabulary.list_labels(axis) for axis in AXES},
        places=experiments.name_places(
            deps, viewer, [one for name in ("experiment", "cell") for one in asked.texts.get(name, ())]
        ),
    )


def key(name: str) -> str:
    """The key of a field's widget."""
    return f"find:{name}"


def show(asked: Asked) -> None:
    """Every field shows what the address asks for, if that is not what it showed before."""
    news = address.is_news()  # looked up in any case: it is remembered
    if not news and key("q") in st.session_state:
        return
    texts = asked.texts
    for name in _MANY:
        st.session_state[key(name)] = texts.get(name, [])
    for name in _ONE:
        st.session_state[key(name)] = next(iter(texts.get(name, [])), None)
    for name in _NUMBERS:
        st.session_state[key(name)] = next(map(float, texts.get(name, [])), None)
    st.session_state[key("sort")] = str(asked.wanted.sort)
    st.session_state[key("q")] = asked.wanted.text or ""
    st.session_state[key("trashed")] = asked.wanted.trashed
    st.session_state[key("quick")] = [
        word for word, (name, value) in QUICK.items() if value in texts.get(name, [])
    ]
    since, until = asked.wanted.since, asked.wanted.until
    st.session_state[key("since")] = _day(since) if since else None
    st.session_state[key("until")] = _day(until - timedelta(microseconds=1)) if until else None
    st.session_state[key("size")] = _drawn("size", words.SIZES)
    st.session_state[key("blind")] = st.query_params.get("blind") == "1"


def draw_search() -> None:
    """Words that stand in a take, or what it is called by."""
    st.text_input(
        "Search takes", key=key("q"), type="search", icon=":material/search:", label_visibility="collapsed",
        placeholder="Search prompts, notes, tags, people, ids", on_change=_took, args=("q", _text),
    )  # fmt: skip


def draw_quick(viewer: Viewer) -> None:
    """What is looked for most often, one click away."""
    offered = [word for word in QUICK if word != "Mine" or viewer.sees_all]
    st.pills(
        "Quick filters", offered, key=key("quick"), selection_mode="multi", label_visibility="collapsed",
        on_change=_took_quick,
    )  # fmt: skip


def draw_all(there: Choices) -> None:
    """Every other filter."""
    left, right = st.columns(2)
    with left:
        _many("status", "State", words.STATUS)
        _many("model", "Model", there.models)
        _many("owner", "Person", {name: name for name in there.owners})
        _one("project", "Project", there.projects)
        _one("collection", "Collection", there.collections)
        _many("tag", "Tags (all of them)", {tag: tag for tag in there.tags})
        _many("review", "Review", {str(state): word for state, word in words.REVIEWS.items()})
    with right:
        _one("rating_min", "Rating", {float(n): f"{n} or better" for n in range(1, 6)}, read=_number)
        _one("ratio", "Ratio", {ratio: ratio for ratio in words.RATIOS})
        _range("length", "Length in seconds", step=1.0)
        _range("cost", "Cost in dollars", step=0.1)
        _draw_days()
        _one("has_error", "Errors", {"1": "With an error", "0": "Without an error"})
    with st.container(horizontal=True):
        for axis in AXES:
            _one(f"style.{axis}", axis.capitalize(), {one: one for one in there.style[axis]})
    st.toggle(
        "Show the trash", key=key("trashed"), on_change=_took, args=("trashed", _flag),
        help="What was moved there stays for a while, and can be restored.",
    )  # fmt: skip


def draw_sort() -> None:
    """In what order."""
    st.selectbox(
        "Order", [str(one) for one in words.SORTS], key=key("sort"), label_visibility="collapsed", width=160,
        format_func=lambda value: words.SORTS[Sort(value)], on_change=_took, args=("sort", _sort),
    )  # fmt: skip


def draw_size() -> None:
    """How large."""
    st.segmented_control(
        "Size", list(words.SIZES), key=key("size"), format_func=words.SIZES.__getitem__, required=True,
        on_change=_took, args=("size", _size), label_visibility="collapsed",
    )  # fmt: skip


def draw_blind() -> None:
    """Rate without being led by others."""
    st.toggle(
        "Rate blind", key=key("blind"), on_change=_took, args=("blind", _flag),
        help="Others' ratings of a take are hidden until you have rated it.",
    )  # fmt: skip


def _many(name: str, label: str, options: Mapping[str, str]) -> None:
    chosen: list[str] = st.session_state.get(key(name)) or []
    offered = [*options, *(one for one in chosen if one not in options)]
    st.multiselect(
        label, offered, key=key(name), placeholder="Any", format_func=lambda one: options.get(one, one),
        on_change=_took, args=(name, _texts),
    )  # fmt: skip


def _one(
    name: str,
    label: str,
    options: Mapping[Any, str],
    read: Callable[[object], Iterable[str]] | None = None,
) -> None:
    chosen = st.session_state.get(key(name))
    offered: list[Any] = [*options, *([chosen] if chosen is not None and chosen not in options else [])]
    st.selectbox(
        label, offered, key=key(name), index=None, placeholder="Any", on_change=_took,
        format_func=lambda one: options.get(one, f"{one:g}" if isinstance(one, float) else str(one)),
        args=(name, read or _text),
    )  # fmt: skip


def _range(what: str, label: str, *, step: float) -> None:
    low, high = st.columns(2, vertical_alignment="bottom")
    for column, name, said in ((low, f"min_{what}", "from"), (high, f"max_{what}", "to")):
        column.number_input(
            f"{label}, {said}", key=key(name), value=None, min_value=0.0, step=step, placeholder=said,
            on_change=_took, args=(name, _number),
        )  # fmt: skip


def _draw_days() -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.date_input("Made from", key=key("since"), value=None, on_change=_took, args=("since", _from_day))
        st.date_input("Made until", key=key("until"), value=None, on_change=_took, args=("until", _to_day))
    with st.container(horizontal=True):
        today = datetime.now(_zone()).date()
        for word, day in (("Today", today), ("This week", today - timedelta(days=today.weekday()))):
            st.button(word, key=f"since-{word}", type="tertiary", on_click=_since, args=(day,))


def _since(day: date) -> None:
    address.change(since=_from_day(day), until=[])


def _took(name: str, read: Callable[[object], Iterable[str]]) -> None:
    address.change(**{name: read(st.session_state[key(name)])})


def _took_quick() -> None:
    chosen = st.session_state[key("quick")]
    for word, (name, value) in QUICK.items():
        texts = [text for text in st.query_params.get_all(name) if text != value]
        address.change(**{name: [*texts, value] if word in chosen else texts})


def _text(value: object) -> list[str]:
    return [str(value).strip()] if value else []


def _texts(value: object) -> list[str]:
    return [str(one) for one in value] if isinstance(value, Iterable) else []


def _flag(value: object) -> list[str]:
    return ["1"] if value else []


def _number(value: object) -> list[str]:
    return [f"{value:.12g}"] if isinstance(value, float | int) else []


def _sort(value: object) -> list[str]:
    return [] if value == Sort.NEWEST else [str(value)]


def _size(value: object) -> list[str]:
    return [] if value == next(iter(words.SIZES)) else [str(value)]


def _from_day(value: object) -> list[str]:
    return [_midnight(value).isoformat()] if isinstance(value, date) else []


def _to_day(value: object) -> list[str]:
    return [_midnight(value + timedelta(days=1)).isoformat()] if isinstance(value, date) else []


def _drawn(name: str, known: Mapping[str, str]) -> str:
    value = st.query_params.get(name, "")
    return value if value in known else next(iter(known))


def _zone() -> ZoneInfo:
    """The browser's own time zone: a day begins where a person is."""
    try:
        return ZoneInfo(st.context.timezone or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), _zone())


def in_zone(moment: datetime) -> datetime:
    """The same moment, as the browser's clock shows it."""
    return moment.astimezone(_zone())


def _day(moment: datetime) -> date:
    return in_zone(moment).date()
