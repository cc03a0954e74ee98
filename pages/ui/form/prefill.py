"""What fills the form besides a person's hands: an earlier take, a preset, another model's values."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import streamlit as st

from backend.catalogue.fields import Field, read_fields
from backend.catalogue.models import VideoModel
from backend.domain.prompt import AXES
from backend.services.deps import Deps
from backend.services.gallery import takes as gallery
from backend.services.prompting.template_variables import fill_values
from backend.services.prompting.vocabulary import current_vocabulary
from backend.services.takes import photos
from backend.services.takes.request import TakeRequest
from pages.ui import text
from pages.ui.form import photo_list, photo_picker

MODEL, PROMPT, PROJECT, TEMPLATE = "form:model", "form:prompt", "form:project", "form:template"
MADE_FROM, COLLECTIONS = "form:made-from", "form:collections"
_LAST, _SWITCHED = "form:last", "form:switched"


@dataclass(frozen=True)
class _LastForm:
    """What the form held when it was drawn last."""

    model: VideoModel
    params: Mapping[str, Any]


def param_key(model_id: str, name: str) -> str:
    """Where a parameter's widget keeps its value; each model has its own."""
    return f"form:param:{model_id}:{name}"


def variable_key(version: int, name: str) -> str:
    """Where a variable of the template keeps its value; each version has its own."""
    return f"form:variable:{version}:{name}"


def photo_slot(model: VideoModel, field: str) -> str:
    """Which photo of the form a field shows: last frames are one and the same in every model."""
    return ":end" if field == model.end_image_field else f":{field}"


def photo_fields(model: VideoModel) -> list[str]:
    """The names of a model's photos besides its first, single ones and lists."""
    return [*photos.further_fields(model), *photos.multi_photo_fields(model)]


def param_fields(model: VideoModel) -> list[Field]:
    """A model's parameters, photos aside."""
    shown_elsewhere = photo_fields(model)
    return [field for field in read_fields(model.schema) if field.name not in shown_elsewhere]


def fill_form(deps: Deps, request: TakeRequest) -> list[str]:
    """Fill the whole form with what is asked for; returns, in words, what could not be taken over."""
    state = st.session_state
    state[PROMPT] = request.body.get("prompt") if isinstance(request.body.get("prompt"), str) else ""
    state[MADE_FROM] = [{"take": one.take, "how": str(one.how)} for one in request.made_from]
    state[TEMPLATE] = request.template
    _fill_variables(deps, request)
    if request.project is not None:  # else the last one stays
        state[PROJECT] = request.project
    if request.collections:
        state[COLLECTIONS] = list(request.collections)
    for axis in AXES:
        state[f"form:style:{axis}"] = request.style.get(axis)
    photo_picker.set_photo(request.image)
    for name in (_LAST, _SWITCHED):
        state.pop(name, None)
    models = {model.id: model for model in gallery.list_usable_models(deps)}
    model = models.get(request.model)
    if model is None and not request.model:
        return []
    if model is None:
        return [f"{request.model} is no longer on offer, so its own parameters are left out"]
    state[MODEL] = model.id
    return _fill_photos(model, request) + _fill_params(model, request.params)


def _fill_variables(deps: Deps, request: TakeRequest) -> None:
    """Values that fit; all others are what they start with."""
    vocabulary = current_vocabulary(deps)
    version = vocabulary.template.version if request.template is None else request.template
    variables = vocabulary.list_variables(version)
    for name, value in fill_values(variables, request.variables).items():
        as_shown = value if isinstance(value, str) else float(value)
        st.session_state[variable_key(version, name)] = as_shown


def _fill_photos(model: VideoModel, request: TakeRequest) -> list[str]:
    for field in photos.further_fields(model):
        given = request.images.get(field) or request.params.get(field)
        photo_picker.set_photo(given if isinstance(given, str) else None, photo_slot(model, field))
    for field in photos.multi_photo_fields(model):
        given = request.images.get(field) or request.params.get(field)
        photo_list.set_photos(given if isinstance(given, list) else [], photo_slot(model, field))
    gone = [field for field in request.images if field not in photo_fields(model)]
    return [f"the photo in {field} has no place any more" for field in gone]


def _fill_params(model: VideoModel, params: Mapping[str, Any]) -> list[str]:
    dropped, fields = [], {field.name: field for field in param_fields(model)}
    for name, field in fields.items():
        st.session_state[param_key(model.id, name)] = field.start_value
    for name, value in params.items():
        if name in fields and fields[name].can_show(value):
            st.session_state[param_key(model.id, name)] = fields[name].widget_value(value)
        elif name not in photo_fields(model):
            dropped.append(f"{name} can no longer be {value!r}")
    return dropped


# -- another model ----------------------------------------------------------------------------


def remember_form(model: VideoModel, params: Mapping[str, Any]) -> None:
    """What the form holds now, for the model that is chosen next."""
    st.session_state[_LAST] = _LastForm(model, dict(params))


def carry_over(model: VideoModel) -> str | None:
    """Take over what the model before and this one both have; in words, what was kept and dropped."""
    last: _LastForm | None = st.session_state.get(_LAST)
    if last and last.model.id != model.id:
        st.session_state[_SWITCHED] = (model.id, _take_over(last.model, model, last.params))
        st.session_state.pop(_LAST)
    switched: tuple[str, str | None] | None = st.session_state.get(_SWITCHED)
    return switched[1] if switched and switched[0] == model.id else None


def _take_over(old: VideoModel, new: VideoModel, params: Mapping[str, Any]) -> str | None:
    kept, dropped = [], _photos_dropped(old, new)
    fields = {field.name: field for field in param_fields(new)}
    labels = {field.name: field.label for field in param_fields(old)}
    for name, value in params.items():
        field = fields.get(name)
        found = field.convert_value(value) if field else None
        if field is not None and found is not None:
            st.session_state[param_key(new.id, name)] = field.widget_value(found)
        if name == "seed":
            continue  # most seeds were drawn by the form, and are nobody's choice
        if found is not None:
            kept.append(f"{labels[name].lower()} {_short(name, found)}")
        else:
            dropped.append(f"{labels[name].lower()} {_short(name, value)}")
    parts = [
        f"{word} {', '.join(what)}"
        for word, what in (("Kept:", kept), ("This model doesn't use:", dropped))
        if what
    ]
    return "; ".join(parts) or None


def _photos_dropped(old: VideoModel, new: VideoModel) -> list[str]:
    dropped = ["the photo"] if old.image_field and not new.image_field and photo_picker.chosen_photo() else []
    slots = {photo_slot(new, field) for field in photos.further_fields(new)}
    for field in photos.further_fields(old):
        if photo_slot(old, field) not in slots and photo_picker.chosen_photo(photo_slot(old, field)):
            dropped.append(f"the photo in {photo_picker.field_words(field)}")
    for field in photos.multi_photo_fields(old):
        if field not in photos.multi_photo_fields(new) and photo_list.chosen_photos(photo_slot(old, field)):
            dropped.append(f"the photos in {photo_picker.field_words(field)}")
    if new.prompt_field is None and st.session_state.get(PROMPT):
        dropped.append("the prompt")
    return dropped


def _short(name: str, value: Any) -> str:
    words = {True: "on", False: "off"}
    return words[value] if isinstance(value, bool) else text.shorten(text.param_words(name, value), 24)
