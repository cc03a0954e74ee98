"""The photos of a take, its first above all: a new one, or one that was used before."""

import streamlit as st

from backend.domain.errors import DailiesError, NotFound
from backend.services import photos
from backend.services.deps import Deps
from pages.ui import context, text

#: How many earlier photos are offered.
EARLIER = 12
_TAKEN = "form:image:taken"


def pick(deps: Deps, *, label: str, slot: str = "") -> str | None:
    """Draw the choice of a photo; returns an upload's id or a link, or None.

    slot: which photo of the form; "" is the one that the video starts from.
    """
    chosen = chosen_in(slot)
    if chosen:
        _preview(deps, chosen, label, slot)
        return chosen_in(slot)
    with st.container(key=f"photo{slot}", gap="xsmall"):
        file = st.file_uploader(
            label, type=["jpg", "jpeg", "png", "webp"],
            key=f"form:file:{slot}{st.session_state.get(f'form:image:round{slot}', 0)}",
        )  # fmt: skip
        if file is not None and file.file_id not in st.session_state.get(_TAKEN, ()):
            _take_in(deps, file, slot)
        _earlier(deps, slot)
    return None


def chosen_in(slot: str = "") -> str | None:
    """What was chosen as this photo."""
    return str(st.session_state.get(f"form:image{slot}") or "") or None


def put(image: str | None, slot: str = "") -> None:
    """Choose this photo (an upload's id, or a link), or none."""
    st.session_state[f"form:image{slot}"] = image
    st.session_state[f"form:image:round{slot}"] = st.session_state.get(f"form:image:round{slot}", 0) + 1


def _take_in(deps: Deps, file: object, slot: str) -> None:
    taken = st.session_state.get(_TAKEN, ())
    st.session_state[_TAKEN] = (*taken[-EARLIER:], file.file_id)  # type: ignore[attr-defined]
    try:
        upload = photos.create_upload(deps, context.viewer(), file, file_name=file.name)  # type: ignore[arg-type, attr-defined]
    except DailiesError as error:
        st.error(text.plain(error), icon=":material/broken_image:")
        return
    put(upload.id, slot)
    st.rerun()


def _earlier(deps: Deps, slot: str) -> None:
    earlier = photos.list_uploads(deps, context.viewer(), limit=EARLIER)
    if not earlier:
        return
    with st.popover("Earlier photos", icon=":material/photo_library:", key=f"earlier-photos{slot}"):
        columns = st.columns(3)
        for number, upload in enumerate(earlier):
            with columns[number % 3].container(key=f"earlier-{upload.id}{slot}", gap="xxsmall"):
                st.image(context.link(upload.key) or "", alt=upload.file_name, width=120)
                st.button(
                    "Use", key=f"use-photo-{upload.id}{slot}", on_click=put, args=(upload.id, slot),
                    width="stretch",
                )  # fmt: skip


def _preview(deps: Deps, chosen: str, label: str, slot: str) -> None:
    st.markdown(f":small[{label}]")
    with st.container(key=f"photo{slot}", horizontal=True, vertical_alignment="center", border=True):
        if chosen.startswith(("https://", "http://")):
            st.text(f"Photo by link: {chosen}")
        else:
            try:
                upload = photos.get_upload(deps, context.viewer(), chosen)
            except NotFound:
                put(None, slot)
                st.rerun()
            st.image(context.link(upload.key) or "", alt=upload.file_name, width=150)
            st.text(f"{upload.file_name}\n{upload.width} × {upload.height} · {text.size(upload.size_bytes)}")
        st.button(
            "Remove", key=f"remove-photo{slot}", icon=":material/close:", type="tertiary", on_click=put,
            args=(None, slot),
        )  # fmt: skip
