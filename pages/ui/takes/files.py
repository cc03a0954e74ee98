"""A take's files as people look at them: the main one large, the others below, each with its download."""

import streamlit as st

from backend.domain.output_files import FileKind
from backend.models import Job
from backend.services.gallery.downloads import download_name, whole_files
from backend.services.gallery.signed_links import zip_key
from backend.services.gallery.take_files import FileOfTake
from backend.services.gallery.takes import Take
from pages.ui import components, context, text

#: kind -> its icon
ICONS: dict[FileKind, str] = {
    FileKind.VIDEO: "movie",
    FileKind.IMAGE: "image",
    FileKind.AUDIO: "graphic_eq",
    FileKind.OTHER: "draft",
}
#: A prompt is cut after this many characters where it stands for a picture.
ALT_CHARS = 160
MISSING = "The file is missing from our storage, or altered. It is fetched again by itself."


def draw_main_file(take: Take, *, compact: bool = False) -> None:
    """A take's main file, ready to play; says so where it is missing or can't be played."""
    if take.video is None or not take.files:
        return
    main = next((file for file in take.files if file.video and file.video.id == take.video.id), take.files[0])
    _draw(take.job, main, key=f"player-{take.job.id}", compact=compact)


def draw_other_files(take: Take) -> None:
    """The files beside the main one, and those that are not here yet; nothing where there are none."""
    if len(take.files) < 2:
        return
    here = [file for file in take.files if file.video is not None]
    st.subheader(f"Files · {len(here)} of {len(take.files)}")
    draw_download_all(take)
    for number, file in enumerate(take.files):
        with st.container(border=True, key=f"file-{number}"):
            if file.video is None:
                st.markdown(f":material/{ICONS[file.kind]}: **{text.plain(file.wanted.role)}**")
                st.caption(text.plain(file.problem or ""))
                continue
            if file.video.id != (take.video.id if take.video else None):
                _draw(take.job, file, key=f"player-{take.job.id}-{number}", compact=True)
            draw_download(take.job, file, key=f"download-{number}")


def draw_download(job: Job, file: FileOfTake, *, key: str = "download", main: bool = False) -> None:
    """A link to the file itself, under a name that says what it is; it never passes through memory here."""
    video = file.video
    if video is None or video.missing_at is not None:
        return
    name = download_name(job, file, video)
    label = "Download" if main else text.plain(file.wanted.role)
    st.link_button(
        f"{label} · {text.plain(text.size(video.size_bytes))}",
        context.media_link(video.key, download_as=name) or "",
        key=key, icon=":material/download:", type="primary" if main else "secondary",
    )  # fmt: skip


def draw_download_all(take: Take) -> None:
    """A link to all files that are here, in one ZIP; nothing while there are fewer than two."""
    key = zip_key(take)
    if key is None:
        return
    videos = [video for _, video in whole_files(take.files)]
    total = text.size(sum(video.size_bytes for video in videos))
    st.link_button(
        f"Download all · {len(videos)} files · {text.plain(total)}",
        context.media_link(key) or "",
        key="download-all", icon=":material/folder_zip:",
    )  # fmt: skip


def _draw(job: Job, file: FileOfTake, *, key: str, compact: bool) -> None:
    video = file.video
    if video is None:
        return
    if video.missing_at is not None:
        st.warning(MISSING, icon=":material/file_download_off:")
        return
    alt = text.shorten(job.prompt, ALT_CHARS) or file.wanted.role
    if file.kind == FileKind.IMAGE:
        st.image(context.kit_media_link(video.key), alt=alt)
    elif file.kind == FileKind.AUDIO:
        st.audio(context.kit_media_link(video.key))
    elif file.kind == FileKind.VIDEO and video.checked:
        about: dict[str, object] = {
            "src": context.media_link(video.key), "poster": context.media_link(video.poster_key), "alt": alt,
            "width": video.width, "height": video.height, "fps": video.fps, "compact": compact,
        }  # fmt: skip
        components.draw_player(about, key=key)
    if video.problem:
        st.info(
            f"{text.plain(video.problem)} All of its bytes are here: download it.",
            icon=f":material/{ICONS[file.kind]}:",
        )
