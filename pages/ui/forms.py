"""The form of a take, drawn from the model's own schema; it stays filled until somebody changes it."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import streamlit as st

from backend.domain.errors import InvalidRequest
from backend.domain.prompt import AXES, VOCABULARY
from backend.models import Job
from backend.services import create, library
from backend.services.deps import Deps
from backend.store.gallery import Filter
from pages.ui import context, photo, text
from pages.ui.fields import Field, read

#: A second click on the same filled form within this time is the same wish, in seconds.
SAME_CLICK_S = 3.0
MODEL, PROMPT = "form:model", "form:prompt"
_FAULTS, _KEY, _FILLED = "form:faults", "form:key", "form:filled"
_ICONS = {"movement": "directions_run", "fabric": "checkroom", "camera": "videocam", "aesthetic": "palette"}


class Form:
    """One run's form: draws its parts, gathers what is asked for, and puts faults beside their fields."""

    def __init__(self, deps: Deps) -> None:
        self.deps = deps
        self.asked: dict[str, Any] = {}
        self._spots: dict[str, Any] = {}
        models = {model.id: model for model in library.models_on_offer(deps)}
        if st.session_state.get(MODEL) not in models:
            st.session_state[MODEL] = _usual_model(deps, models)
        self.model = models[self._pick_model(models)]
        self.asked["model"] = self.model.id

    def _pick_model(self, models: Mapping[str, Any]) -> str:
        def shown(model_id: str) -> str:
            model = models[model_id]
            price = (
                f"{text.dollars(model.price.unit_usd)} a {model.price.unit}"
                if model.price
                else "price unknown"
            )
            return f"{model.title} · {model.category.replace('-', ' ')} · {price}"

        chosen = st.selectbox(
            "Model",
            list(models),
            key=MODEL,
            format_func=shown,
            persist_state="session",
            icon=":material/movie:",
        )
        self._spot("model")
        return str(chosen)

    def about(self) -> None:
        """What the model is good at."""
        note = f" {self.model.price_note}" if self.model.price_note else ""
        st.caption(text.plain(self.model.description + note))

    def prompt(self) -> None:
        """The prompt, and how much of it fits."""
        if self.model.prompt_field is None:
            st.caption("This model takes no prompt.")
            return
        self.asked["prompt"] = st.text_area(
            "Prompt" if self.model.prompt_required else "Prompt (may be left empty)",
            key=PROMPT, height=130, persist_state="session",
            placeholder="What should be seen: subject, action, place, light.",
        )  # fmt: skip
        self._spot("prompt")

    def photo(self) -> None:
        """The photo that the video starts from, where the model takes one, and only then."""
        if self.model.image_field is None:
            return
        image = photo.pick(self.deps, required=self.model.image_required)
        self._spot("image")
        if image:
            self.asked["image"] = image

    def style(self) -> None:
        """Movement, fabric, camera, aesthetic: from the vocabulary, or in own words."""
        style = {}
        columns = st.columns(len(AXES), gap="small")
        for axis, column in zip(AXES, columns, strict=True):
            with column:
                words = st.selectbox(
                    f":material/{_ICONS[axis]}: {axis.capitalize()}", list(VOCABULARY[axis]), index=None,
                    key=f"form:style:{axis}", accept_new_options=True, placeholder="Any, or type",
                    persist_state="session",
                )  # fmt: skip
                self._spot(f"style.{axis}")
            if words:
                style[axis] = words
        self.asked["style"] = style

    def params(self) -> None:
        """The model's own parameters; the usual ones in front, the others folded."""
        params: dict[str, Any] = {}
        fields = read(self.model.schema)
        front, folded = [f for f in fields if f.front], [f for f in fields if not f.front]
        with st.container(key="params", horizontal=True, gap="medium"):
            for field in front:
                self._param(field, params)
        if folded:
            with st.expander("Advanced", icon=":material/tune:", key=f"advanced-{self.model.id}"):
                for field in folded:
                    self._param(field, params)
        self.asked["params"] = params

    def _param(self, field: Field, params: dict[str, Any]) -> None:
        key = _param_key(self.model.id, field.name)
        if key not in st.session_state:
            st.session_state[key] = field.start
        with st.container(
            key=f"field:{field.name}", width="content" if _narrow(field) else "stretch", gap="xxsmall"
        ):
            value = field.sent(_draw(field, key))
            self._spot(f"params.{field.name}")
        if value is not None:
            params[field.name] = value

    def _spot(self, name: str) -> None:
        self._spots[name] = st.empty()

    # -- faults ---------------------------------------------------------------------------------

    def show_faults(self) -> None:
        """Once something was refused: what is still wrong, beside its field, and the rest here."""
        if not st.session_state.get(_FAULTS):
            return
        try:
            create.check(self.deps, context.viewer(), self.asked)
        except InvalidRequest as error:
            self._put(error.fields)
        else:
            st.session_state[_FAULTS] = False

    def _put(self, faults: Mapping[str, str]) -> None:
        st.error(
            "Not sent, and nothing was charged. Put right what is marked; the form stays as it is.",
            icon=":material/error:",
        )
        for name, fault in faults.items():
            field = name.split(".")[-1].replace("_", " ").capitalize()
            said = f":red[:material/error: {text.plain(field)} {text.plain(fault)}]"
            self._spots.get(name, st.empty()).markdown(said)

    # -- sending --------------------------------------------------------------------------------

    def send(self) -> Job | None:
        """Make a job of the form, once however often one clicks; None when something must be put right.

        Raises:
            PersonError: anything else that stands in the way.
        """
        try:
            job = create.create_job(self.deps, context.viewer(), self.asked, key=self._key())
        except InvalidRequest:
            st.session_state[_FAULTS] = True
            return None
        st.session_state[_FAULTS] = False
        st.session_state[_KEY]["used_s"] = st.session_state[_KEY].get("used_s") or self.deps.clock.monotonic()
        return job

    def _key(self) -> str:
        """One key for one filled form: the same for a second click within moments, another one later."""
        mark = hashlib.sha256(json.dumps(self.asked, sort_keys=True, default=repr).encode()).hexdigest()
        known, now_s = st.session_state.get(_KEY), self.deps.clock.monotonic()
        old = known and known.get("used_s") and now_s - known["used_s"] > SAME_CLICK_S
        if not known or known["mark"] != mark or old:
            known = st.session_state[_KEY] = {"key": self.deps.clock.new_id(), "mark": mark}
        return str(known["key"])


def fill_once(deps: Deps, job: Job) -> list[str]:
    """Fill the form with an earlier take, the first time this is asked; returns what was left out."""
    if st.session_state.get(_FILLED) == job.id:
        return []
    st.session_state[_FILLED] = job.id
    return fill(deps, job)


def forget_filled() -> None:
    """The next `fill_once` fills, whatever it filled before."""
    st.session_state.pop(_FILLED, None)


def fill(deps: Deps, job: Job) -> list[str]:
    """Fill the whole form with what was asked for; returns, in words, what could not be taken over."""
    state, lost = st.session_state, []
    state[PROMPT] = job.prompt
    for axis in AXES:
        state[f"form:style:{axis}"] = job.style.get(axis)
    photo.put(job.image)
    models = {model.id: model for model in library.models_on_offer(deps)}
    if job.model not in models:
        return [f"{job.model} is no longer on offer, so its own parameters are left out"]
    state[MODEL] = job.model
    fields = {field.name: field for field in read(models[job.model].schema)}
    for name, field in fields.items():
        state[_param_key(job.model, name)] = field.start
    for name, value in job.params.items():
        if name in fields and fields[name].takes(value):
            state[_param_key(job.model, name)] = fields[name].shown(value)
        else:
            lost.append(f"{name} can no longer be {value!r}")
    return lost


def _usual_model(deps: Deps, models: Mapping[str, Any]) -> str:
    """The model of this person's newest take, else the first one with a known price."""
    newest = library.list_takes(deps, context.viewer(), Filter(owner=context.viewer().name), limit=1).items
    if newest and newest[0].job.model in models:
        return newest[0].job.model
    return next((model.id for model in models.values() if model.price), next(iter(models)))


def _param_key(model_id: str, name: str) -> str:
    return f"form:param:{model_id}:{name}"


def _narrow(field: Field) -> bool:
    return field.kind in ("choice", "flag", "seed") or (field.kind == "number" and field.front)


def _draw(field: Field, key: str) -> Any:
    """Draw one parameter; returns its widget's value."""
    label = text.plain(field.label) + (" \\*" if field.required else "")
    about: dict[str, Any] = {"key": key, "help": text.plain(field.help) or None, "persist_state": "session"}
    match field.kind:
        case "choice":
            return st.segmented_control(
                label, field.options, format_func=lambda option: text.plain(_said(field, option)),
                required=field.default is not None or field.required, **about,
            )  # fmt: skip
        case "steps":
            return st.select_slider(
                label, field.options, format_func=lambda option: _said(field, option), **about
            )
        case "list":
            return st.selectbox(label, field.options, format_func=str, **about)
        case "flag":
            return st.toggle(label, **about)
        case "slide":
            return st.slider(label, field.low, field.high, step=1 if field.whole else _step(field), **about)
        case "number":
            return st.number_input(
                label, field.low, field.high, value=None, placeholder="as the model likes", **about
            )
        case "seed":
            return _seed(field, label, about)
        case "text" | "json":
            return st.text_area(label + (" (JSON)" if field.kind == "json" else ""), height=80, **about)
    return st.text_input(label, placeholder="https://…" if field.name.endswith("_url") else None, **about)


def _seed(field: Field, label: str, about: dict[str, Any]) -> Any:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="xsmall", width="content"):
        value = st.number_input(label, field.low, field.high, value=None, step=1, width=190, **about)
        st.button(
            "New seed", key=f"new-seed:{about['key']}", icon=":material/casino:",
            help="Another seed, another take",
            on_click=lambda: st.session_state.update({about["key"]: field.new_seed()}),
        )  # fmt: skip
    return value


def _said(field: Field, option: Any) -> str:
    """A choice as it reads best: seconds get their unit."""
    seconds = field.name == "duration" and str(option).replace(".", "").isdigit()
    return f"{option} s" if seconds else f"{option}"


def _step(field: Field) -> float:
    """Steps of a slider that are round and fine enough."""
    span = (field.high or 0) - (field.low or 0)
    return 0.01 if span <= 2 else 0.1 if span <= 20 else 1.0
