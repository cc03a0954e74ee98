"""Parts of a take's own page."""

from collections.abc import Sequence

import streamlit as st

from backend.domain.errors import NotFound
from backend.domain.prompt import AXES
from backend.models import Delivery, Job
from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.gallery.provider_said import provider_said
from backend.services.gallery.takes import Take
from backend.services.takes import photos
from pages.ui import components, context, text
from pages.ui.components import FactRow
from pages.ui.form import photo_picker
from pages.ui.operate.deliveries import verdict_title
from pages.ui.takes import cards


def draw_request(deps: Deps, viewer: Viewer, job: Job) -> None:
    """What was asked for: prompt, what was made of it, style, photo, parameters."""
    st.caption("Prompt")
    st.code(job.prompt or cards.NO_PROMPT, language=None, wrap_lines=True)
    if job.sent_prompt != job.prompt:
        with st.expander("As it was sent", icon=":material/outgoing_mail:", key="sent-prompt"):
            st.code(job.sent_prompt, language=None, wrap_lines=True)
    said = provider_said(job)
    if said.prompt is not None:
        with st.expander("As the model rewrote it", icon=":material/edit_note:", key="returned-prompt"):
            st.code(said.prompt, language=None, wrap_lines=True)
    _photo(deps, viewer, job.image, "Photo that it starts from")
    for field, image in (job.images or {}).items():
        listed = image if isinstance(image, list) else [image]
        for number, one in enumerate(listed, 1):
            counted = f" {number}" if isinstance(image, list) else ""
            _photo(deps, viewer, one, f"{photo_picker.field_words(field).capitalize()}{counted}")
    rows: list[FactRow] = [{"label": "Model", "value": context.model_title(job.model)}]
    rows += [{"label": axis.capitalize(), "value": job.style[axis]} for axis in AXES if job.style.get(axis)]
    rows += [
        {
            "label": name.replace("_", " ").capitalize(),
            "value": text.param_words(name, value),
            "copy": name == "seed",
        }
        for name, value in job.params.items()
    ]
    if job.template_version is not None:
        rows.append({"label": "Template", "value": f"Version {job.template_version}"})
    rows += [
        {"label": name.replace("_", " ").capitalize(), "value": str(value)}
        for name, value in (job.variables or {}).items()
        if value != ""
    ]
    if said.seed is not None and said.seed != job.params.get("seed"):
        rows.append({"label": "Seed used", "value": str(said.seed), "copy": True})
    rows += [{"label": "Estimate", "value": _estimate(deps, job)}, {"label": "Person", "value": job.owner}]
    components.draw_facts(rows, key="request")


def record_rows(take: Take) -> list[FactRow]:
    """Times, ids and the file, as rows of `components.draw_facts`."""
    job, video = take.job, take.video
    rows: list[FactRow] = [
        cards.moment_row(label, moment)
        for label, moment in (
            ("Asked for", job.created_at), ("Sent", job.submitted_at), ("Rendering from", job.started_at),
            ("Rendered", job.rendered_at), ("Ended", job.ended_at),
        )
    ]  # fmt: skip
    rows += [
        {"label": "Take", "value": job.id, "mono": True, "copy": True},
        {"label": "Request", "value": job.request_id or "–", "mono": True, "copy": bool(job.request_id)},
        {"label": "Endpoint", "value": job.model, "mono": True, "copy": True},
        {"label": "Webhook", "value": "asked for" if job.webhook_asked else "not asked for; polled"},
    ]
    if video is None:
        return rows
    shape = f"{video.width} × {video.height}" if video.width else "–"
    shape += f" · {text.clock(video.duration_s)}" if video.duration_s else ""
    rate = f" · {video.fps:g} fps" if video.fps else ""
    return [
        *rows,
        {"label": "Picture", "value": f"{shape}{rate} · {video.codec or video.content_type}"},
        {"label": "Size", "value": f"{text.size(video.size_bytes)} ({video.size_bytes:,} bytes)"},
        {"label": "SHA-256", "value": video.sha256, "mono": True, "copy": True},
        cards.moment_row("Last checked", video.checked_at),
    ]


def draw_deliveries(found: Sequence[Delivery]) -> None:
    """The webhook calls for a take; their bodies are on the Operations page."""
    rows: list[FactRow] = [
        {"label": verdict_title(item.verdict), "at_ms": int(item.received_at.timestamp() * 1000),
         "value": f"{item.status}{f' · {item.copies} times' if item.copies > 1 else ''}"}
        for item in found
    ]  # fmt: skip
    components.draw_facts(rows, key="delivery-list")


def _photo(deps: Deps, viewer: Viewer, image: str | None, label: str) -> None:
    if not image:
        return
    st.caption(text.plain(label))
    if image.startswith(("https://", "http://")):
        st.code(image, language=None, wrap_lines=True)
        return
    try:
        upload = photos.get_upload(deps, viewer, image)
    except NotFound as error:
        st.caption(text.plain(error))
    else:
        st.image(context.kit_media_link(upload.key), alt=upload.file_name, width=200)


def _estimate(deps: Deps, job: Job) -> str:
    price = job.price or {}
    of = f" = {price['basis']}" if price.get("basis") else ""
    known = "unknown" if job.estimate_usd is None else f"≈ {text.dollars(job.estimate_usd)}{of}"
    return f"{known} (demo: free)" if deps.settings.is_demo else known
