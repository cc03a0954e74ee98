"""The photo that a take starts from: a new one, or one that was used before."""

import streamlit as st

from backend.domain.errors import DailiesError, NotFound
from backend.services import photos
from backend.services.deps import Deps
from pages.ui import context, text

#: How many earlier photos are offered.
EARLIER = 12
_IMAGE, _ROUND, _TAKEN = "form:image", "form:image:round", "form:image:taken"


def pick(deps: Deps, *, required: bool) -> str | None:
    """Draw the choice of a photo; returns an upload's id or a link, or None."""
    chosen = st.session_state.get(_IMAGE)
    if chosen:
        _preview(deps, chosen)
        return str(st.session_state.get(_IMAGE) or "") or None
    with st.container(key="photo", gap="xsmall"):
        file = st.file_uploader(
            "Photo that the video starts from" + (" \\*" if required else " (may be left out)"),
            type=["jpg", "jpeg", "png", "webp"], key=f"form:file:{st.session_state.get(_ROUND, 0)}",
        )  # fmt: skip
        if file is not None and st.session_state.get(_TAKEN) != file.file_id:
            _take_in(deps, file)
        _earlier(deps)
    return None


def put(image: str | None) -> None:
    """Choose this photo (an upload's id, or a link), or none."""
    st.session_state[_IMAGE] = image
    st.session_state[_ROUND] = st.session_state.get(_ROUND, 0) + 1


def _take_in(deps: Deps, file: object) -> None:
    st.session_state[_TAKEN] = file.file_id  # type: ignore[attr-defined]
    try:
        upload = photos.create_upload(deps, context.viewer(), file, file_name=file.name)  # type: ignore[arg-type, attr-defined]
    except DailiesError as error:
        st.error(text.plain(error), icon=":material/broken_image:")
        return
    put(upload.id)
    st.rerun()


def _earlier(deps: Deps) -> None:
    earlier = photos.list_uploads(deps, context.viewer(), limit=EARLIER)
    if not earlier:
        return
    with st.popover("Earlier photos", icon=":material/photo_library:", key="earlier-photos"):
        columns = st.columns(3)
        for number, upload in enumerate(earlier):
            with columns[number % 3].container(key=f"earlier-{upload.id}", gap="xxsmall"):
                st.image(context.link(upload.key) or "", alt=upload.file_name, width=120)
                st.button(
                    "Use", key=f"use-photo-{upload.id}", on_click=put, args=(upload.id,), width="stretch"
                )


def _preview(deps: Deps, chosen: str) -> None:
    with st.container(key="photo", horizontal=True, vertical_alignment="center", border=True):
        if chosen.startswith(("https://", "http://")):
            st.text(f"Photo by link: {chosen}")
        else:
            try:
                upload = photos.get_upload(deps, context.viewer(), chosen)
            except NotFound:
                put(None)
                st.rerun()
            st.image(context.link(upload.key) or "", alt=upload.file_name, width=150)
            st.text(f"{upload.file_name}\n{upload.width} × {upload.height} · {text.size(upload.size_bytes)}")
        st.button(
            "Remove", key="remove-photo", icon=":material/close:", type="tertiary", on_click=put, args=(None,)
        )
