"""The form of a take, drawn from the model's own schema; it stays filled until somebody changes it."""

from collections.abc import Mapping
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from backend.catalogue import prompts
from backend.catalogue.fields import Field
from backend.catalogue.models import VideoModel
from backend.catalogue.pricing.quote import Quote
from backend.domain.errors import InvalidRequest
from backend.domain.library.review import OriginHow
from backend.domain.prompt import AXES
from backend.domain.text import join_sentences
from backend.services.deps import Deps
from backend.services.money.quotes import quote_take
from backend.services.prompting.vocabulary import current_vocabulary
from backend.services.takes import photos
from backend.services.takes.check_request import check_request
from backend.services.takes.remake.variations import Started, start_prompts, with_prompt
from backend.services.takes.request import TakeRequest, parse_request
from backend.services.takes.request_photos import photo_faults, photo_notes
from pages.ui import context, prices, text
from pages.ui.form import (
    clicks,
    draft,
    group_picker,
    model_picker,
    photo_list,
    photo_picker,
    prefill,
    style_picker,
    widgets,
)
from pages.ui.form.sent import composed, generated, template_picker
from pages.ui.form.sent.alternatives import Prompts, pick_prompts

#: What is said of a model's start photo that is not there.
ADD_PHOTO = "Add a start photo"
_FAULTS = "form:faults"


class Form:
    """One run's form: draws its parts, gathers what is asked for, and puts faults beside their fields."""

    def __init__(self, deps: Deps) -> None:
        self.deps = deps
        self._body: dict[str, Any] = {}
        self._filled: TakeRequest | None = None
        self._fault_places: dict[str, DeltaGenerator] = {}
        self.prompts = Prompts(("",))
        self.top = st.container(key="above-the-form", horizontal=True, horizontal_alignment="distribute")
        with self.top:
            project = group_picker.pick_project(deps, context.viewer())
            collections = group_picker.pick_collections(deps, context.viewer())
        if project is not None:
            self._body["project"] = project
        if collections:
            self._body["collections"] = collections
        self.model = model_picker.pick_model(deps, context.viewer(), filters=self.top)
        self._keep_fault_place("model")
        self._body["model"] = self.model.id
        self._switched = prefill.carry_over(self.model)

    @property
    def request(self) -> TakeRequest:
        """What is asked for with what was drawn so far; read once, after the last field was drawn."""
        return self._filled or self._read()

    def _read(self) -> TakeRequest:
        origins = st.session_state.get(prefill.MADE_FROM) or []
        if not (self._body.get("image") or self._body.get("images")):  # nor is it a picture of another take
            origins = [one for one in origins if one["how"] != OriginHow.FRAME]
        return parse_request({**self._body, **({"made_from": origins} if origins else {})})

    def quote(self) -> Quote:
        """What the take will cost, by what was drawn so far."""
        request = self.request
        photos = request.photos_by_field(self.model.image_field)
        return quote_take(self.deps, self.model, request.params, photos=photos)

    def draw_about(self) -> None:
        """What the model is good at; after another one was chosen, what became of the form."""
        st.caption(text.plain(join_sentences(self.model.description, prices.note_words(self.model))))
        if self._switched:
            st.caption(f":material/swap_horiz: {text.plain(self._switched)}")

    def draw_prompt(self) -> None:
        """The prompt, and how much of it fits."""
        if self.model.prompt_field is None:
            st.caption("This model takes no prompt.")
            return
        self._body["prompt"] = st.text_area(
            _prompt_label(self.model),
            key=prefill.PROMPT, height=130, persist_state="session",
            placeholder="What should be seen: subject, action, place, light.",
        )  # fmt: skip
        self._keep_fault_place("prompt")
        self.prompts = pick_prompts(self._body["prompt"] or "")
        draft.draw_tools(self.deps)

    def draw_photos(self) -> None:
        """The photo that the video starts from and others beside it, where the model takes them."""
        further = photos.further_fields(self.model)
        places = [("", "image")] if self.model.image_field else []
        places += [(prefill.photo_slot(self.model, field), f"images.{field}") for field in further]
        images: dict[str, str | list[str]] = {}
        columns = st.columns(len(places), gap="small") if places else []
        for (slot, name), column in zip(places, columns, strict=True):
            with column:
                image = self._one_photo(name, slot)
            if image and slot:
                images[name.removeprefix("images.")] = image
            elif image:
                self._body["image"] = image
        for field in photos.multi_photo_fields(self.model):
            if chosen := self._several_photos(field):
                images[field] = chosen
        if images:
            self._body["images"] = images

    def _one_photo(self, name: str, slot: str) -> str | None:
        """A photo, and at once what is wrong with it."""
        field = self.model.image_field if name == "image" else name.removeprefix("images.")
        about = photos.limits_text(self.model, field)
        image = photo_picker.pick_photo(
            self.deps, label=photo_picker.photo_label(self.model, name), slot=slot, about=about
        )
        self._keep_fault_place(name)
        if image and field:
            self._judge_photos(name, field, image)
        return image

    def _several_photos(self, field: str) -> list[str]:
        """A list of photos, and at once what is wrong with any of them."""
        name = f"images.{field}"
        chosen = photo_list.pick_photos(
            self.deps,
            label=photo_picker.photo_label(self.model, name),
            slot=prefill.photo_slot(self.model, field),
            limit=photos.max_photos(self.model, field),
            about=photos.limits_text(self.model, field),
        )
        self._keep_fault_place(name)
        self._judge_photos(name, field, chosen)
        return chosen

    def _judge_photos(self, name: str, field: str, image: str | list[str]) -> None:
        """What is wrong with a photo, or with any of several, beside it; and what is done to them."""
        asked = self.deps, context.viewer(), self.model, {field: image}
        for fault in photo_faults(*asked).values():
            self._show_fault(name, fault)
        for note in photo_notes(*asked):
            st.caption(f":material/photo_size_select_large: {text.plain(note)}")

    def draw_style(self) -> None:
        """Movement, fabric, camera, aesthetic: from the team's vocabulary, or custom."""
        chosen = {}
        vocabulary = current_vocabulary(self.deps)
        # Two beside each other: of four no word would be read to its end.
        columns = [column for _ in AXES[::2] for column in st.columns(2, gap="small")]
        for axis, column in zip(AXES, columns, strict=True):
            with column:
                words = style_picker.pick_style(vocabulary, axis)
                self._keep_fault_place(f"style.{axis}")
            if words:
                chosen[axis] = words
        self._body["style"] = chosen
        if (version := template_picker.pick_template(vocabulary)) is not None:
            self._body["template"] = version
        if values := template_picker.fill_variables(vocabulary, version):
            self._body["variables"] = values

    def draw_params(self) -> None:
        """The model's own parameters; the usual ones in front, the others folded."""
        params: dict[str, Any] = {}
        fields = prefill.param_fields(self.model)
        front, folded = [f for f in fields if f.front], [f for f in fields if not f.front]
        with st.container(key="params", horizontal=True, gap="medium"):
            for field in front:
                self._param(field, params)
        if folded:
            with st.expander("Advanced", icon=":material/tune:", key=f"advanced-{self.model.id}"):
                for field in folded:
                    self._param(field, params)
        self._body["params"] = params
        self._filled = self._read()
        prefill.remember_form(self.model, params)

    def requests(self) -> tuple[TakeRequest, ...]:
        """What a press makes takes of: the form with each prompt that its own stands for."""
        return tuple(with_prompt(self.request, prompt) for prompt in self.prompts.texts)

    def draw_sent(self) -> None:
        """The prompts as they are sent, and what is posted."""
        requests = self.requests()
        composed.draw_composed(self.deps, self.model, requests)
        first = requests[0] if requests else None
        composed.draw_payload(self.deps, context.viewer(), self.model, first)

    def _param(self, field: Field, params: dict[str, Any]) -> None:
        key = prefill.param_key(self.model.id, field.name)
        if key not in st.session_state:
            st.session_state[key] = field.start_value
        with st.container(
            key=f"field:{field.name}",
            width="content" if widgets.is_narrow(field) else "stretch",
            gap="xxsmall",
        ):
            value = field.sent_value(widgets.draw_param(field, key))
            self._keep_fault_place(f"params.{field.name}")
        if value is not None:
            params[field.name] = value

    def _keep_fault_place(self, name: str) -> None:
        """Room for a fault beside its field, once something was refused: each place costs every run."""
        if st.session_state.get(_FAULTS):
            self._fault_places[name] = st.empty()

    # -- faults ---------------------------------------------------------------------------------

    def show_faults(self) -> None:
        """Once something was refused: what is still wrong, beside its field, and the rest here."""
        if not st.session_state.get(_FAULTS):
            return
        try:
            for one in self.requests():
                check_request(self.deps, context.viewer(), one)
        except InvalidRequest as error:
            self._show_faults(error.fields)
        else:
            st.session_state[_FAULTS] = False

    def _show_faults(self, faults: Mapping[str, str]) -> None:
        st.error(
            "Not sent, and nothing was charged. Fix the highlighted fields; your form is kept.",
            icon=":material/error:",
        )
        for name, fault in faults.items():
            self._show_fault(name, fault)

    def _show_fault(self, name: str, fault: str) -> None:
        """A fault beside its field; a photo that is missing in `params` belongs to its upload."""
        field = name.split(".")[-1].replace("_", " ").capitalize()
        says = ADD_PHOTO if name == "image" and fault.startswith("is missing") else f"{field} {fault}"
        message = f":red[:material/error: {text.plain(says)}]"
        place = self._fault_places.get(name) or self._fault_places.get(name.replace("params.", "images.", 1))
        (place or st.empty()).markdown(message)

    # -- sending --------------------------------------------------------------------------------

    def send(self, number: int = 1) -> Started | None:
        """Make so many takes of the form, once however often one clicks; None: there is something to fix, or
        it was the same click.

        Raises:
            PersonError: anything else that stands in the way.
        """
        if self.prompts.fault:
            context.notify(f"Not sent, and nothing was charged: the prompt {text.plain(self.prompts.fault)}")
            return None
        requests = self.requests()
        asked = " ".join(one.body_hash() for one in requests)
        inputs = generated.inputs_mark(self.deps, context.viewer(), requests)
        click = clicks.begin(self.deps, "generate", f"{number} {asked}", inputs=f"{number} {inputs}")
        if click is None:
            return None
        wanted = number * len(self.prompts.texts)
        bar = st.progress(0.0, text=f"0 of {wanted} saved") if wanted > 1 else None
        try:
            started = start_prompts(
                self.deps, context.viewer(), self.request, self.prompts.texts, number=number, key=click.key,
                on_progress=lambda made: bar and bar.progress(made / wanted, f"{made} of {wanted} saved"),
            )  # fmt: skip
        except InvalidRequest:
            st.session_state[_FAULTS] = True
            return None
        st.session_state[_FAULTS] = False
        return started

    def mark_sent(self, started: Started) -> None:
        """Whoever pressed was told: the same press once more is one too many."""
        if started.error is None:
            clicks.done(self.deps, "generate")


def _prompt_label(model: VideoModel) -> str:
    """Prompt, and what may stand in its place, as `check_request` has it."""
    if model.image_required and not model.prompt_required:
        return "Prompt (may be left empty)"
    instead = [text.plain(words) for words in prompts.prompt_substitutes(model)]
    return f"Prompt (or {' or '.join(instead)})" if instead else "Prompt"
