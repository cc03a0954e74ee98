"""Components of our own, for what the kit lacks: a wall of posters, a player, times that run by themselves.

Each is a `.js` and a `.css` beside this file, registered once, when this module is first imported.
What they show comes as data and becomes text, never markup.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import streamlit as st

_HERE = Path(__file__).parent


def _register(name: str) -> Any:
    def read(ending: str) -> str:
        return "\n".join((_HERE / f"{part}.{ending}").read_text("utf-8") for part in ("common", name))

    return st.components.v2.component(f"dailies_{name}", js=read("js"), css=read("css"))


_GALLERY = _register("gallery")
_PLAYER = _register("player")
_STANDING = _register("standing")
_FACTS = _register("facts")
_TRAIL = _register("trail")
_BARS = _register("bars")


def gallery(takes: Sequence[Mapping[str, Any]], *, key: str) -> str | None:
    """A wall of takes (see `cards.card`); returns the id of the one that was just opened, if any."""
    opened = _GALLERY(data={"takes": list(takes)}, key=key, on_open_change=lambda: None).open
    return str(opened) if opened else None


def player(source: str, *, key: str, **about: Any) -> None:
    """A video. about: poster, alt, width, height, fps, compact."""
    _PLAYER(data={"src": source, **about}, key=key)


def standing(about: Mapping[str, Any], *, key: str) -> None:
    """Where one take stands (see `cards.standing`)."""
    _STANDING(data=dict(about), key=key)


def facts(rows: Sequence[Mapping[str, Any]], *, key: str) -> None:
    """Labels and values. rows: {label, value, at_ms?, mono?, copy?}."""
    _FACTS(data={"rows": list(rows), "testid": key}, key=key)


def trail(rows: Sequence[Mapping[str, Any]], *, key: str) -> None:
    """A history. rows: {at_ms, word, icon, tone, what, who, note}."""
    _TRAIL(data={"rows": list(rows)}, key=key)


def bars(rows: Sequence[Mapping[str, Any]], *, key: str) -> None:
    """Counts to one scale. rows: {word, icon, tone, means, count, shown?: the count in words}."""
    _BARS(data={"rows": list(rows)}, key=key)
