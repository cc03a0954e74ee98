"""What stays the same in every take of an experiment: model, prompt, photo, style, parameters; its name."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import streamlit as st

from backend.catalogue.fields import Field
from backend.catalogue.models import VideoModel
from backend.domain.prompt import AXES
from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.gallery import takes as gallery
from backend.services.prompting.vocabulary import current_vocabulary
from backend.services.takes import photos
from pages.ui import context, text
from pages.ui.experiments.plan.form import PlanForm
from pages.ui.form import model_picker, photo_picker, prefill, widgets

#: The place of the base's start photo among the form's photos.
PHOTO_SLOT = ":plan"
#: A range of so many whole numbers is offered one by one.
STEPS_MAX = 32
_EACH_ITS_OWN = "Each cell has its own {}: it stands below, under what is varied."
#: A model that was asked for and is not offered any more.
GONE = "plan:model-gone"
NAME, QUESTION, MODEL, PROMPT, REST = "plan:name", "plan:question", "plan:model", "plan:prompt", "plan:rest"


def fill_base(deps: Deps, form: PlanForm) -> None:
    """Have the fields hold what a plan says stays the same. Before they are drawn."""
    state, base = st.session_state, form.base
    state[NAME], state[QUESTION] = form.name, form.question
    state.pop(GONE, None)
    state[MODEL], state[PROMPT] = base.get("model"), base.get("prompt") or ""
    style, params = base.get("style") or {}, base.get("params") or {}
    for axis in AXES:
        state[_style_key(axis)] = style.get(axis)
    photo_picker.set_photo(base.get("image"), PHOTO_SLOT)
    known = {"model", "prompt", "style", "params", "image"}
    state[REST] = {name: value for name, value in base.items() if name not in known}
    model = next((one for one in gallery.list_usable_models(deps) if one.id == base.get("model")), None)
    if model is None:
        return
    for name, field in params_of(model).items():
        held = params.get(name)
        usable = held is not None and field.can_show(held)
        key = _param_key(model, name)
        state[key] = field.widget_value(held) if usable else field.start_value


def params_of(model: VideoModel) -> dict[str, Field]:
    """A model's parameters but its photos and its seed, by name."""
    return {field.name: field for field in prefill.param_fields(model) if field.name != "seed"}


def draw_name() -> tuple[str, str]:
    """The name and the question."""
    name = st.text_input(
        "Name", key=NAME, placeholder="Slow pan or handheld?", persist_state="session", max_chars=200
    )
    question = st.text_input(
        "Question that is asked of two takes", key=QUESTION, persist_state="session", max_chars=500,
        placeholder="Which one is better?",
    )  # fmt: skip
    return name.strip(), question.strip()


def draw_base(deps: Deps, viewer: Viewer, varied: Collection[str] = ()) -> tuple[VideoModel, dict[str, Any]]:
    """Everything that stays the same. varied: axes that have values; what stands here says nothing of these.

    Returns the model, and the base of the plan.
    """
    models = {model.id: model for model in gallery.list_usable_models(deps)}
    wanted = st.session_state.get(MODEL)
    if wanted not in models:
        st.session_state[GONE] = wanted
        st.session_state[MODEL] = model_picker.usual_model(deps, viewer)
    chosen = st.selectbox(
        "Model", list(models), key=MODEL, persist_state="session", icon=":material/movie:",
        format_func=lambda model_id: models[model_id].title, disabled="model" in varied,
        help=_EACH_ITS_OWN.format("model") if "model" in varied else None,
        on_change=lambda: st.session_state.pop(GONE, None),
    )  # fmt: skip
    model = models[chosen]
    note = st.container(key="plan-base-note")  # always there: what comes and goes here moves nothing below
    if gone := st.session_state.get(GONE):
        note.warning(
            f"{text.plain(context.model_title(gone))} is not offered any more. {text.plain(model.title)} "
            "stands in its place: look at its parameters and at the price, or choose another.",
            icon=":material/swap_horiz:",
        )
    base: dict[str, Any] = {**(st.session_state.get(REST) or {}), "model": model.id}
    if model.prompt_field is not None:
        base["prompt"] = st.text_area(
            "Prompt", key=PROMPT, height=110, persist_state="session",
            disabled="prompt" in varied,
            placeholder=_EACH_ITS_OWN.format("prompt")
            if "prompt" in varied
            else "A {{ garment }} in morning light, slow pan",
            help=_EACH_ITS_OWN.format("prompt")
            if "prompt" in varied
            else "A word in double braces is a variable: its values stand below, under what is varied.",
        )  # fmt: skip
    if model.image_field:
        about = photos.limits_text(model, model.image_field)
        label = photo_picker.photo_label(model, "image")
        base["image"] = photo_picker.pick_photo(deps, label=label, slot=PHOTO_SLOT, about=about)
    with st.expander("Style and parameters that stay the same", icon=":material/tune:", key="plan-same"):
        base["style"] = _draw_style(deps)
        base["params"] = _draw_params(model)
    return model, {name: value for name, value in base.items() if value not in (None, "", {})}


def _draw_style(deps: Deps) -> dict[str, str]:
    vocabulary, chosen = current_vocabulary(deps), {}
    for axis, column in zip(AXES, st.columns(len(AXES)), strict=True):
        chosen[axis] = column.selectbox(
            axis.capitalize(), vocabulary.list_labels(axis), index=None, key=_style_key(axis),
            accept_new_options=True, placeholder="None", persist_state="session",
        )  # fmt: skip
    return {axis: word for axis, word in chosen.items() if word}


def _draw_params(model: VideoModel) -> dict[str, Any]:
    sent: dict[str, Any] = {}
    for name, field in params_of(model).items():
        key = _param_key(model, name)
        st.session_state.setdefault(key, field.start_value)
        value = field.sent_value(widgets.draw_param(field, key))
        if value is not None:
            sent[name] = value
    return sent


def level_choices(deps: Deps, axis: str, params: Mapping[str, Field]) -> dict[str, str]:
    """Values that an axis can have, where they are known: as they are typed -> their names."""
    if axis == "model":
        return {model.title: model.title for model in gallery.list_usable_models(deps)}
    if axis.startswith("style."):
        return {word: word for word in current_vocabulary(deps).list_labels(axis.removeprefix("style."))}
    field = params.get(axis.removeprefix("params.")) if axis.startswith("params.") else None
    if field is None:
        return {}
    options = ("on", "off") if field.kind == "flag" else field.options or _steps(field)
    return {str(option): text.param_words(field.name, option) for option in options}


def takes_own_levels(axis: str, params: Mapping[str, Field]) -> bool:
    """May an axis have other values than `level_choices` says?"""
    field = params.get(axis.removeprefix("params.")) if axis.startswith("params.") else None
    is_told = field is not None and (field.kind == "flag" or field.options or _steps(field))
    return not (axis == "model" or is_told)


def _steps(field: Field) -> Sequence[int]:
    """Every whole number of a narrow range; none of a wide one."""
    if not field.whole or field.low is None or field.high is None or field.high - field.low >= STEPS_MAX:
        return ()
    return range(int(field.low), int(field.high) + 1)


def _style_key(axis: str) -> str:
    return f"plan:style:{axis}"


def _param_key(model: VideoModel, name: str) -> str:
    return f"plan:param:{model.id}:{name}"
