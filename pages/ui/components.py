"""Components of our own, for what the kit lacks: a wall of posters, a player, times that run by themselves.

Each is one or more scripts and styles of `frontend/` put together, registered once, when this module is first
imported. The files of one component share one scope: no name stands in two of them.
What they show comes as data and becomes text, never markup.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Required, TypedDict

import streamlit as st

_FRONTEND = Path(__file__).with_name("frontend")


class FactRow(TypedDict, total=False):
    """A label with a value or a moment. mono: in fixed width; copy: with a button that copies it."""

    label: Required[str]
    value: str
    at_ms: int | None
    mono: bool
    copy: bool


class HistoryRow(TypedDict):
    """One event of a take's history: when, the state it led to, what happened, who did it."""

    at_ms: int
    word: str
    icon: str
    tone: str
    what: str
    who: str
    note: str


class BarRow(TypedDict):
    """A bar and its label. shown: the count in words."""

    word: str
    icon: str
    tone: str
    means: str
    count: float
    shown: str


#: How a component's one function begins that the kit calls, and what calls it with what was put in a list.
_ENTRY = "export default function ("
_CALL = "export default given => drawData({ ...given, data: given.data[0] })"


def _register(name: str, folder: str = "", files: Sequence[str] = ()) -> Callable[..., Any]:
    """files: scripts below `frontend/`, without their ending, in the order in which they are put together.

    Each may have a style of the same name beside it. Without any, it is the one that is called as it is.
    What it is given goes in a list: the kit looks for tables in mappings, and loads pandas to do so.
    """

    def _read(ending: str) -> str:
        scripts = ("common", *(files or (f"{folder}/{name}" if folder else name,)))
        paths = [_FRONTEND / f"{script}.{ending}" for script in scripts]
        return "\n".join(path.read_text("utf-8") for path in paths if ending == "js" or path.is_file())

    script = _read("js").replace(_ENTRY, "const drawData = function (")
    mount = st.components.v2.component(f"dailies_{name}", js=f"{script}\n{_CALL}\n", css=_read("css"))
    return lambda *, data=None, **given: mount(data=[data], **given)


def _parts(folder: str, *names: str) -> tuple[str, ...]:
    return tuple(f"{folder}/{name}" for name in names)


#: What plays, alone or side by side.
_PLAYING = _parts("playing", "arriving", "transport", "stage", "controls", "verdicts")
_COMPARING = _parts("compare", "difference", "parts", "compare")
_LIGHT = _parts("light", "address", "order", "filmstrip", "details", "parts", "lightbox", "light")
#: What the wall is made of; of all of these the last one has what the kit calls.
_WALL_PARTS = _parts("wall", "store", "card", "differs", "layout", "scroll", "select", "keys", "bar")
_WALL = _register("wall", files=("live/hub", *_WALL_PARTS, *_PLAYING, *_COMPARING, *_LIGHT, "wall/wall"))
_COMPARE = _register("compare", files=("live/hub", "wall/store", *_PLAYING, *_COMPARING, "compare/page"))
_JUDGING = _parts("judge", "outbox", "parts", "judge", "page")
_JUDGE = _register(
    "judge", files=("wall/store", *_parts("playing", "arriving", "transport", "stage", "controls"), *_JUDGING)
)
_PLAYER = _register("player", files=("live/hub", "wall/store", *_PLAYING, "takes/player"))
_FILES = _register("files", "takes")
_STATUS = _register("status", files=("live/hub", "takes/status"))
#: What is pushed to a page.
_WATCH = _register("watch", files=("live/hub", "live/watch"))
_NOTICES = _register("notices", files=("live/hub", "live/notices"))
_SWITCH = _register("switch", files=("live/hub", "live/switch"))
#: Keys of the form.
_CHOICES = _register("choices", "form")
#: Of an experiment: its six steps, and its cells with their takes.
_STEPS = _register("steps", "experiments")
_MATRIX = _register(
    "matrix",
    files=(
        "live/hub", *_WALL_PARTS, *_PLAYING, *_COMPARING, *_LIGHT, "experiments/matrix",
    ),
)  # fmt: skip
_AXES = _register("axes", files=_parts("experiments/axes", "pasted", "values", "axes"))
_FACTS = _register("facts")
_HISTORY = _register("history")
_BARS = _register("bars")
_TABLE = _register("table", files=("table/cells", "table/csv", "table/table"))
_TABS = _register("tabs")


def draw_wall(about: Mapping[str, object], *, key: str) -> str | None:
    """The wall of takes; returns the id of the one that was just opened on a page of its own, if any.

    about: `takes` (cards) and `next_cursor`, the first page; `query`, the pairs that ask for more; who
    is looking (`me`), and how it is drawn (`size`, `sort`, `blind`, `trashed`). Another query begins at its
    top, or where the browser's Back left it.
    """
    opened = _WALL(data=dict(about), key=key, on_open_change=lambda: None).open
    return str(opened) if opened else None


def draw_tabs(tabs: Sequence[Mapping[str, object]], *, key: str) -> None:
    """The ways to a few pages at the foot of a phone; each has href, label, icon, and is `current` or not."""
    _TABS(data={"tabs": list(tabs)}, key=key)


def draw_compare(takes: Sequence[Mapping[str, object]], me: Mapping[str, object], *, key: str) -> None:
    """Two to six takes (cards) in one player. me: who is looking, as the wall knows them."""
    _COMPARE(data={"takes": list(takes), "me": dict(me)}, key=key)


def draw_judge(experiment_id: str, criterion: str, person: str, *, key: str) -> None:
    """Pairs of an experiment's takes to be judged, one after another; it asks and answers by itself.

    criterion: the question's id; "" for the first one. person: in whose name; answers that are not sent yet
    are kept in the browser for each.
    """
    _JUDGE(data={"experiment": experiment_id, "criterion": criterion, "me": person}, key=key)


def draw_player(about: Mapping[str, object], *, key: str) -> None:
    """A file on its stage: a video, a picture, a sound, or why there is nothing to see (see `files`)."""
    _PLAYER(data=dict(about), key=key)


def draw_files(
    files: Sequence[Mapping[str, object]],
    *,
    chosen: str,
    key: str,
    on_choose: Callable[..., None],
    args: tuple[object, ...],
) -> None:
    """Posters of a take's files, of which one is chosen, by its role.

    on_choose: called with `args` once another is pressed; `st.session_state[key]["choose"]` is its role.
    """
    _FILES(data={"files": list(files), "chosen": chosen}, key=key, on_choose_change=lambda: on_choose(*args))


def draw_status(about: Mapping[str, object], *, key: str) -> None:
    """Where one take stands (a card of `services.live.cards`, and what is to be shown of it)."""
    # Nothing of it is nested: the kit looks for tables in every list and mapping, which is dear.
    shown = {name: value for name, value in about.items() if not isinstance(value, Mapping | list)}
    _STATUS(data=shown, key=key)


#: What of a card can only be drawn by the server: buttons, files, what went wrong.
WATCHED = ("state", "word", "player", "poster", "length", "files_here", "trouble", "trashed", "may")


def draw_watch(
    takes: Sequence[Mapping[str, object]],
    *,
    at: int,
    others: Mapping[str, object] | None,
    again_s: float | None,
    key: str,
) -> None:
    """Has the part of the page that it stands in drawn anew once something of these takes changes. Unseen.

    takes: cards, as they are drawn. at: the newest move when they were read. others: also for other
    takes, in these `states`, `mine` alone or all. again_s: after so many seconds in any case.
    """
    seen = [{name: card[name] for name in ("id", "version", *WATCHED)} for card in takes]
    # The kit draws nothing anew for the same data, and what is drawn counts its seconds once.
    counts = None if again_s is None else time.monotonic_ns()
    data = {"takes": seen, "names": WATCHED, "at": at, "others": others, "again_s": again_s, "counts": counts}
    _WATCH(data=data, key=key, on_changed_change=lambda: None)


def draw_notices(*, at: int, moving: int, way: tuple[str, str], down: bool, key: str) -> None:
    """The count in the page's title and in the way to what waits, and notices of what has ended.

    at: the newest move when the page was drawn. moving: how many takes are in progress. way: (path, name) of
    the page whose link has the count. down: is nothing pushed, as was told last? `down` of its state says so.
    """
    about = {"path": way[0], "title": way[1]}
    data = {"at": at, "moving": moving, "way": about, "down": down}
    _NOTICES(data=data, key=key, on_down_change=lambda: None)


def draw_notices_switch(*, key: str) -> None:
    """Does this browser tell on the desktop when takes are ready? Asked for by a click."""
    _SWITCH(data={}, key=key)


def hear_choices() -> None:
    """From here on Enter takes a box's best match and Tab keeps what was typed. Nothing is drawn."""
    with st.container(key="choices-keys"):
        _CHOICES(key="choices")


def draw_facts(rows: Sequence[FactRow], *, key: str) -> None:
    """Labels and values."""
    _FACTS(data={"rows": list(rows), "testid": key}, key=key)


def draw_history(rows: Sequence[HistoryRow], *, key: str) -> None:
    """What happened to a take, in order."""
    _HISTORY(data={"rows": list(rows)}, key=key)


def draw_steps(
    steps: Sequence[Mapping[str, object]], *, key: str, on_go: Callable[..., None], args: tuple[object, ...]
) -> None:
    """An experiment's steps as links. Each has id, name, href, `waits` in words, is `done`, is `current`.

    on_go: called with `args` once one is pressed; `st.session_state[key]["go"]` is its id.
    """
    _STEPS(data={"steps": list(steps)}, key=key, on_go_change=lambda: on_go(*args))


def draw_matrix(
    about: Mapping[str, object], *, key: str, on_cell: Callable[..., None], args: tuple[object, ...]
) -> None:
    """Cells in rows and columns, with the posters of their takes. The part that it stands in is drawn anew
    when these takes move on.

    about: `id` of the experiment; `columns` (labels; none: the cells flow), `rows` of {label, cells}, each
    None or {id, at, dropped, takes: [{id, state, why}]}, where `at` has the place of its label among the
    `levels` of each axis (or `label` and `note` are words of their own); what levels, columns and rows are
    `called` where there is little room; which cell is `chosen`; `me`; does anything move (`moves`); the
    `newest_move` when that was read.
    on_cell: called with `args` once a cell is pressed; `st.session_state[key]["cell"]` is its id.
    """
    _MATRIX(data=dict(about), key=key, on_cell_change=lambda: on_cell(*args), on_changed_change=lambda: None)


def draw_axes(about: Mapping[str, object], *, key: str, on_levels: Callable[..., object]) -> None:
    """What an experiment varies, to be filled in. Another key is needed to fill it anew.

    about: `fill`, another one whenever it is filled anew with `levels` ([axis, value] each); the `offers`:
    each has axis, words, choices ([value, words] each), takes its `own` values, is `wanted`, has a hint;
    `faults`: axis -> what it `says`, and the values that it is `at`.
    on_levels: called once they are others; `st.session_state[key]["levels"]` has them.
    """
    _AXES(data=dict(about), key=key, on_levels_change=on_levels)


def draw_bars(rows: Sequence[BarRow], *, key: str) -> None:
    """Counts to one scale."""
    _BARS(data={"rows": list(rows)}, key=key)


def draw_table(about: Mapping[str, object], *, key: str) -> str | None:
    """Rows in columns (see `figures.tables`, which makes this of rows); returns the chosen row's id, if any.

    about: its `name`; `columns` of {name, kind, wide}; `rows`, each a list of cells in the columns' order;
    `ids` of rows that can be chosen, and the `chosen` one; in which `height` it scrolls (0: it stands in
    full); is the first column `pinned`; what stands for an `unknown` cell.
    `st.session_state[key]["chosen"]` is the same id.
    """
    chosen = _TABLE(data=dict(about), key=key, on_chosen_change=lambda: None).chosen
    return str(chosen) if chosen else None
