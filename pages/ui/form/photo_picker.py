"""The photos of a take, its first above all: a new one, or one that was used before."""

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from backend.catalogue.models import VideoModel
from backend.domain.errors import DailiesError, InvalidRequest, NotFound
from backend.domain.text import join_sentences
from backend.services.deps import Deps
from backend.services.takes import photos
from pages.ui import context, text

#: How many earlier photos are offered.
EARLIER = 12
#: How many files are remembered as taken in: more than one drops at once.
TAKEN_MAX = 60
#: What files of photos are called; whether one is a photo is told by its content.
KINDS = ("jpg", "jpeg", "jfif", "png", "webp", "heic", "heif", "hif", "avif", "gif")
_TAKEN, _REFUSED, _NOTES = "form:image:taken", "form:image:refused", "form:image:notes"


def pick_photo(deps: Deps, *, label: str, slot: str = "", about: str = "") -> str | None:
    """Draw the choice of a photo; returns an upload's id or a link, or None.

    slot: which photo of the form; "" is the one that the video starts from. about: what it must be.
    """
    chosen = chosen_photo(slot)
    if chosen:
        _preview(deps, chosen, label, slot)
        return chosen_photo(slot)
    with st.container(key=f"photo{slot}", gap="xsmall"):
        turn = st.session_state.get(f"form:image:round{slot}", 0)
        files = draw_room(label, about, f"form:file:{slot}{turn}")
        for file in files:
            if upload_id := keep_upload(deps, file):
                set_photo(upload_id, slot)
                st.rerun()
        show_refusals(files)
        offer_earlier_photos(deps, slot, set_photo)
    return None


def chosen_photo(slot: str = "") -> str | None:
    """What was chosen as this photo."""
    return str(st.session_state.get(f"form:image{slot}") or "") or None


def set_photo(image: str | None, slot: str = "") -> None:
    """Choose this photo (an upload's id, or a link), or none."""
    st.session_state[f"form:image{slot}"] = image
    st.session_state[f"form:image:round{slot}"] = st.session_state.get(f"form:image:round{slot}", 0) + 1


def photo_label(model: VideoModel, name: str) -> str:
    """What a photo of the form is called: `image`, or `images.` and the model's own field."""
    if name == "image":
        return _marked("Start photo", model.image_required)
    field = name.removeprefix("images.")
    ends = field == model.end_image_field
    return _marked(
        "End photo" if ends else field_words(field).capitalize(),
        field in model.schema.get("required", []),
    )


def _marked(label: str, needed: bool) -> str:
    return label + (" \\*" if needed else " (may be left out)")


def field_words(field: str) -> str:
    """A field's name as words: "reference_image_urls" is "reference images"."""
    words = field.replace("_", " ")
    if words.endswith(" urls"):
        return f"{words.removesuffix(' urls').removesuffix('s')}s"
    return words.removesuffix(" url")


def draw_room(label: str, about: str, key: str, **looks: Any) -> list[UploadedFile]:
    """Room for photos, with what they may be; returns the files that lie in it."""
    found = st.file_uploader(label, type=KINDS, max_upload_size=photos.MAX_MEGABYTES, key=key, **looks)
    st.caption(" · ".join(part for part in (about, photos.TAKEN_TEXT) if part))
    return found if isinstance(found, list) else [found] if found else []


def keep_upload(deps: Deps, file: UploadedFile) -> str | None:
    """Keep an uploaded file, once; its upload's id, or None: it was taken in before, or is refused.

    A run that ends in between, as somebody went on with the form, took nothing in: the next one tries anew.
    """
    taken = st.session_state.get(_TAKEN, ())
    if file.file_id in taken:
        return None
    name = text.plain(text.shorten(file.name, 40))
    bar = st.progress(0.0, text=f":material/hourglass_top: Preparing {name} …")

    def show(share: float) -> None:
        bar.progress(share, text=f":material/hourglass_top: Preparing {name} … {share:.0%}")

    found = None
    try:
        found = photos.create_upload(deps, context.viewer(), file, file_name=file.name, on_progress=show)
        st.session_state.setdefault(_NOTES, {})[found.upload.id] = found.notes
    except DailiesError as error:
        why = error.fields.get("file") if isinstance(error, InvalidRequest) else None
        says = join_sentences(f"It {why}" if why else str(error))
        st.session_state.setdefault(_REFUSED, {})[file.file_id] = says
    bar.empty()
    st.session_state[_TAKEN] = (*taken[-TAKEN_MAX:], file.file_id)
    return found.upload.id if found else None


def show_refusals(files: Sequence[UploadedFile]) -> bool:
    """Say of each of these files why it was refused, for as long as it lies there; is there any?"""
    known = st.session_state.get(_REFUSED, {})
    refused = [file for file in files if file.file_id in known]
    for file in refused:
        name, why = text.plain(file.name), text.plain(known[file.file_id])
        st.error(f"**{name} was not taken.** {why}", icon=":material/broken_image:")
    return bool(refused)


def show_notes(upload_id: str) -> None:
    """Say what was done to a photo when it was taken in, if there is something to say."""
    for note in st.session_state.get(_NOTES, {}).get(upload_id, ()):
        st.caption(f":material/info: {text.plain(note)}")


def offer_earlier_photos(deps: Deps, slot: str, use: Callable[[str, str], None]) -> None:
    """Offer what was uploaded before, pictures of takes among it. use: is called with the id and the slot."""
    uploads = photos.list_uploads(deps, context.viewer(), limit=EARLIER)
    if not uploads:
        return
    with st.popover("Your photos", icon=":material/photo_library:", key=f"earlier-photos{slot}"):
        row = st.container(key=f"earlier-row{slot}", horizontal=True, gap="small")
        for upload in uploads:
            with row.container(key=f"earlier-{upload.id}{slot}", width=120, gap="xxsmall"):
                st.image(context.kit_media_link(upload.key), alt=upload.file_name, width=120)
                st.button(
                    "Use", key=f"use-photo-{upload.id}{slot}", on_click=use, args=(upload.id, slot),
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
                set_photo(None, slot)
                st.rerun()
            st.image(context.kit_media_link(upload.key), alt=upload.file_name, width=150)
            with st.container(gap="xxsmall"):
                size = text.size(upload.size_bytes)
                st.text(f"{upload.file_name}\n{upload.width} × {upload.height} · {size}")
                show_notes(upload.id)
        st.button(
            "Remove", key=f"remove-photo{slot}", icon=":material/close:", type="tertiary", on_click=set_photo,
            args=(None, slot),
        )  # fmt: skip
