"""A take's files as people look at them: one large, the others as posters below, each with its download."""

from collections.abc import Mapping

import streamlit as st

from backend.domain.states import JobState
from backend.domain.text import join_sentences
from backend.models import Job, Video
from backend.services.gallery.downloads import download_name, whole_files
from backend.services.gallery.pictures import ICONS, file_ending, length_words, poster_key, shown_as
from backend.services.gallery.signed_links import zip_key
from backend.services.gallery.take_files import FileOfTake, needs_copy
from backend.services.gallery.takes import Take
from backend.services.lifecycle.fetching.preview import PREVIEW_TRIES_MAX
from pages.ui import components, context, text

#: A prompt is cut after this many characters where it stands for a picture.
ALT_CHARS = 160


def draw_files(take: Take, judged: Mapping[str, object]) -> None:
    """The file that is looked at, ready to play; where there are several, the others below it to choose from.

    Nothing is drawn before the first file is here. judged: the take's `card`, and who looks at it (`me`).
    """
    if not any(file.video for file in take.files):
        return
    chosen = _chosen(take)
    draw_file(take.job, chosen, judged=judged)
    if len(take.files) > 1:
        here = sum(file.here for file in take.files)
        st.caption(
            f"{here} of {len(take.files)} files are here" if here < len(take.files) else f"{here} files"
        )
        components.draw_files(
            [_tile(take.job, file) for file in take.files],
            chosen=chosen.wanted.role, key=_strip_key(take), on_choose=_choose, args=(take,),
        )  # fmt: skip


def draw_file(
    job: Job, file: FileOfTake, *, compact: bool = False, judged: Mapping[str, object] | None = None
) -> None:
    """One file on its stage: played, shown, or why it can't be. judged: as in `draw_files`; None: nothing."""
    about = {**_stage(job, file), "compact": compact, "judged": judged}
    components.draw_player(about, key=f"player-{job.id}")


def draw_main_file(take: Take, *, compact: bool = False) -> None:
    """A take's main file on its stage, and how many there are besides."""
    if take.video is None or not take.files:
        return
    draw_file(take.job, take.files[0], compact=compact)
    if len(take.files) > 1:
        st.caption(f"and {len(take.files) - 1} more")


def awaits_copy(take: Take) -> bool:
    """Is a copy that browsers play of one of its files still being made?"""
    return any(file.video is not None and file.here and _copy_comes(file.video) for file in take.files)


def draw_downloads(take: Take) -> None:
    """Links to the main file and, where several are here, to all of them in one ZIP."""
    if not take.files:
        return
    main = take.files[0]
    if main.video is not None and main.here:
        st.link_button(
            f"Download · {text.plain(text.size(main.video.size_bytes))}",
            _download_link(take.job, main, main.video),
            key="download", icon=":material/download:",
            type="primary" if take.job.state == JobState.STORED else "secondary",
        )  # fmt: skip
    key = zip_key(take)
    if key is not None:
        videos = [video for _, video in whole_files(take.files)]
        total = text.size(sum(video.size_bytes for video in videos))
        st.link_button(
            f"Download all · {len(videos)} files · {text.plain(total)}",
            context.media_link(key) or "",
            key="download-all", icon=":material/folder_zip:",
        )  # fmt: skip


def poster_link(video: Video) -> str | None:
    """A picture of a stored file: its poster, or itself where it is one that browsers draw."""
    return context.media_link(poster_key(video))


def _chosen(take: Take) -> FileOfTake:
    """Which file is looked at: the one that was pressed, else the main one, else the first that is here."""
    role = st.session_state.get(f"file-of-{take.job.id}")
    pressed = [file for file in take.files if file.wanted.role == role]
    here = [file for file in take.files if file.video]
    return (pressed or ([take.files[0]] if take.video else here))[0]


def _strip_key(take: Take) -> str:
    return f"files-{take.job.id}"


def _choose(take: Take) -> None:
    role = st.session_state[_strip_key(take)].get("choose")
    if role:
        st.session_state[f"file-of-{take.job.id}"] = role


def _stage(job: Job, file: FileOfTake) -> Mapping[str, object]:
    """What `components.draw_player` shows of a file."""
    video, alt = file.video, text.shorten(job.prompt, ALT_CHARS) or file.wanted.role
    if video is None or not file.here:
        given_up = file.row.given_up_at is not None
        return {
            "kind": "none", "src": None, "alt": alt, "icon": "file_download_off", "tone": "orange",
            "title": "Not fetched" if given_up else "Not here yet" if video is None else "Missing",
            "note": file.problem,
        }  # fmt: skip
    shown, key = shown_as(video)
    return {
        "kind": shown, "src": context.media_link(key),
        "poster": context.media_link(video.poster_key), "alt": alt,
        "width": video.width, "height": video.height, "fps": video.fps,
        "icon": ICONS[file.kind], "tone": "blue",
        "title": "" if shown in ("video", "image") else f"{file_ending(video).upper()} · {_about(video)}",
        "see_through": video.see_through and key == video.key,
        "note": join_sentences(video.problem, _way_out(video, shown)) if video.problem else "",
    }  # fmt: skip


def _way_out(video: Video, shown: str) -> str:
    """What people have of a file that can't be shown as it is."""
    if not needs_copy(video):
        return "All of its bytes are here: download it." if shown == "none" else ""
    if video.player_key is not None:
        return "What plays here is a preview; the download is the original."
    if _copy_comes(video):
        return "A preview that plays is being made; the download is the original."
    return "No preview could be made of it; the download is the original."


def _copy_comes(video: Video) -> bool:
    return needs_copy(video) and video.player_key is None and video.preview_tries < PREVIEW_TRIES_MAX


def _tile(job: Job, file: FileOfTake) -> Mapping[str, object]:
    """What `components.draw_files` shows of a file."""
    video, tile = file.video, {"role": file.wanted.role, "icon": ICONS[file.kind], "tone": "blue"}
    if video is None or not file.here:
        given_up = file.row.given_up_at is not None
        if given_up or file.trouble is not None or video is not None:
            tile |= {"tone": "gray" if given_up else "orange", "why": file.problem or ""}
            tile |= {"icon": "file_download_off", "word_icon": "file_download_off"}
            tile |= {"word": "Not fetched" if given_up else "Missing"}
        else:
            tile |= {"word": "In progress", "word_icon": "downloading"}
        return tile | {"meta": text.size(file.wanted.size_bytes) if file.wanted.size_bytes else ""}
    return tile | {
        "poster": poster_link(video), "length": length_words(video), "meta": _about(video),
        "href": _download_link(job, file, video), "why": video.problem or "",
    }  # fmt: skip


def _about(video: Video) -> str:
    """Its size, in pixels where it has any, and in bytes."""
    shape = f"{video.width} × {video.height} · " if video.width else ""
    return f"{shape}{text.size(video.size_bytes)}"


def _download_link(job: Job, file: FileOfTake, video: Video) -> str:
    """It never passes through memory here."""
    return context.media_link(video.key, download_as=download_name(job, file, video)) or ""
