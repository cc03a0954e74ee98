"""The photos of a field that takes several: new ones, or ones that were used before, in order."""

import streamlit as st

from backend.domain.errors import NotFound
from backend.models import Upload
from backend.services.deps import Deps
from backend.services.takes import photos
from pages.ui import context, text
from pages.ui.form import photo_picker

#: How wide a photo is shown, in pixels.
WIDE = 110


def pick_photos(deps: Deps, *, label: str, slot: str, limit: int | None, about: str) -> list[str]:
    """Draw the choice of photos; returns uploads' ids or links, in order.

    limit: how many the model takes; None: it doesn't say. about: what each must be.
    """
    chosen = chosen_photos(slot)
    counted = f" · {len(chosen)} of {limit}" if limit else f" · {len(chosen)}" if chosen else ""
    st.markdown(f":small[{label}{counted}]")
    with st.container(key=f"photos{slot}", gap="xsmall"):
        if chosen:
            with st.container(key=f"chosen{slot}", horizontal=True, gap="small", border=True):
                for number, image in enumerate(chosen):
                    _chosen(deps, image, slot, number)
        if limit is None or len(chosen) < limit:
            _more(deps, slot, label, about)
    return chosen_photos(slot)


def chosen_photos(slot: str) -> list[str]:
    """What was chosen as these photos."""
    return list(st.session_state.get(_key(slot)) or [])


def set_photos(images: list[str], slot: str) -> None:
    """Choose these photos (uploads' ids, or links)."""
    st.session_state[_key(slot)] = [image for image in images if isinstance(image, str) and image]


def _key(slot: str) -> str:
    return f"form:images{slot}"


def _add(image: str, slot: str) -> None:
    set_photos([*chosen_photos(slot), image], slot)


def _remove(slot: str, number: int) -> None:
    set_photos([image for place, image in enumerate(chosen_photos(slot)) if place != number], slot)


def _forward(slot: str, number: int) -> None:
    images = chosen_photos(slot)
    images[number - 1 : number + 1] = reversed(images[number - 1 : number + 1])
    set_photos(images, slot)


def _more(deps: Deps, slot: str, label: str, about: str) -> None:
    """Room for further photos; files that are taken in leave the room empty again."""
    turn = f"form:images:round{slot}"
    files = photo_picker.draw_room(
        label, about, f"form:files:{slot}{st.session_state.get(turn, 0)}",
        accept_multiple_files=True, label_visibility="collapsed",
    )  # fmt: skip
    kept = False
    for file in files:
        if image := photo_picker.keep_upload(deps, file):
            _add(image, slot)
            kept = True
    refused = photo_picker.show_refusals(files)
    if kept and not refused:  # a file that is no photo stays, with the reason below it
        st.session_state[turn] = st.session_state.get(turn, 0) + 1
    if kept:
        st.rerun()
    photo_picker.offer_earlier_photos(deps, slot, _add)


def _chosen(deps: Deps, image: str, slot: str, number: int) -> None:
    upload = _upload(deps, image)
    with st.container(key=f"chosen{slot}-{number}", width=WIDE + 20, gap="xxsmall"):
        if upload is None:
            st.text(f"{number + 1} · {text.shorten(image, 40)}")
        else:
            st.image(
                context.kit_media_link(upload.key),
                alt=f"Photo {number + 1}: {upload.file_name}",
                width=WIDE,
            )
            st.caption(f"{number + 1} · {upload.width} × {upload.height}")
            photo_picker.show_notes(upload.id)
        with st.container(key=f"chosen-acts{slot}-{number}", horizontal=True, gap="xxsmall"):
            st.button(
                "Move forward", key=f"photo-forward{slot}-{number}", type="tertiary",
                icon=":material/arrow_back:", help="Move forward", disabled=number == 0,
                on_click=_forward, args=(slot, number),
            )  # fmt: skip
            st.button(
                "Remove", key=f"remove-photo{slot}-{number}", type="tertiary", help="Remove",
                icon=":material/close:",
                on_click=_remove, args=(slot, number),
            )  # fmt: skip


def _upload(deps: Deps, image: str) -> Upload | None:
    """The upload, or None for a link and for what is no longer this viewer's."""
    if image.startswith(("https://", "http://")):
        return None
    try:
        return photos.get_upload(deps, context.viewer(), image)
    except NotFound:
        return None
