"""Components of our own, for what the kit lacks: a wall of posters, a player, times that run by themselves.

Each is a `.js` and a `.css` in `frontend/`, registered once, when this module is first imported.
What they show comes as data and becomes text, never markup.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path
from typing import Required, TypedDict

import streamlit as st
from streamlit.components.v2.types import ComponentRenderer

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


def _register(name: str, folder: str = "") -> ComponentRenderer:
    def _read(ending: str) -> str:
        parts = (_FRONTEND / "common", _FRONTEND / folder / name)
        return "\n".join(part.with_suffix(f".{ending}").read_text("utf-8") for part in parts)

    return st.components.v2.component(f"dailies_{name}", js=_read("js"), css=_read("css"))


_GALLERY = _register("gallery", "takes")
_PLAYER = _register("player", "takes")
_FILES = _register("files", "takes")
_STATUS = _register("status", "takes")
_FACTS = _register("facts")
_HISTORY = _register("history")
_BARS = _register("bars")


def draw_gallery(takes: Sequence[Mapping[str, object]], *, at: Hashable, key: str) -> str | None:
    """A wall of takes (cards of `services.live`); returns the id of the one that was just opened, if any.

    at: which page of which takes it is. Another one begins at its top, or where the browser's Back left it.
    """
    data = {"takes": list(takes), "at": str(hash(at))}
    opened = _GALLERY(data=data, key=key, on_open_change=lambda: None).open
    return str(opened) if opened else None


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
    _STATUS(data=dict(about), key=key)


def draw_facts(rows: Sequence[FactRow], *, key: str) -> None:
    """Labels and values."""
    _FACTS(data={"rows": list(rows), "testid": key}, key=key)


def draw_history(rows: Sequence[HistoryRow], *, key: str) -> None:
    """What happened to a take, in order."""
    _HISTORY(data={"rows": list(rows)}, key=key)


def draw_bars(rows: Sequence[BarRow], *, key: str) -> None:
    """Counts to one scale."""
    _BARS(data={"rows": list(rows)}, key=key)
