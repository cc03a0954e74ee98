"""Which model: found by typing, favourites and those used lately first, by provider if one likes."""

from collections.abc import Mapping

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from backend.catalogue.models import VideoModel
from backend.catalogue.titles import provider_title
from backend.domain.take_filter import TakeFilter
from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.gallery import takes as gallery
from backend.services.money import price_rules
from backend.services.takes import presets
from pages.ui import context, prices
from pages.ui.form.prefill import MODEL

_PROVIDER = "form:provider"


def pick_model(deps: Deps, viewer: Viewer, *, filters: DeltaGenerator) -> VideoModel:
    """Draw the choice of a model; returns the model. filters: the container for what narrows it."""
    usable = price_rules.with_team_rules(deps, gallery.list_usable_models(deps))
    models = {model.id: model for model in usable}
    if st.session_state.get(MODEL) not in models:
        st.session_state[MODEL] = usual_model(deps, viewer)
    favourites = presets.list_favourites(deps, viewer)
    with filters:
        _provider_filter(models)
    options = _in_order(models, favourites, presets.recent_models(deps, viewer))
    with st.container(key="model", horizontal=True, vertical_alignment="bottom", gap="small"):
        chosen = st.selectbox(
            "Model", options, key=MODEL, persist_state="session", icon=":material/movie:",
            format_func=lambda model_id: _shown(models[model_id], model_id in favourites),
            help="Type to find one: a name, text or image, a price. Favourites and what you used lately "
            "stand first.",
        )  # fmt: skip
        starred = chosen in favourites
        st.button(
            "Favourite", key="favourite", icon=":material/star:" if starred else ":material/star_border:",
            help="Stands first; press to end that" if starred else "Have it stand first from now on",
            on_click=_set_favourite, args=(chosen,), kwargs={"wanted": not starred},
        )  # fmt: skip
    return models[str(chosen)]


def _provider_filter(models: Mapping[str, VideoModel]) -> None:
    providers = sorted({model.provider for model in models.values()})
    if len(providers) > 1:
        st.session_state.setdefault(_PROVIDER, "")
        st.segmented_control(
            "Provider", ["", *providers], key=_PROVIDER, required=True, persist_state="session",
            format_func=lambda name: provider_title(name) if name else "All",
        )  # fmt: skip


def _set_favourite(model_id: str, *, wanted: bool) -> None:
    with context.errors_as_notices():
        presets.set_favourite(context.deps(), context.viewer(), model_id, wanted=wanted)


def _in_order(models: Mapping[str, VideoModel], favourites: list[str], recent: list[str]) -> list[str]:
    """What is offered: favourites, then what was used lately, then the rest; the chosen one in any case."""
    wanted = st.session_state.get(_PROVIDER)
    first = [model_id for model_id in (*favourites, *recent, *models) if model_id in models]
    return [
        model_id
        for model_id in dict.fromkeys(first)
        if not wanted or models[model_id].provider == wanted or model_id == st.session_state[MODEL]
    ]


def _shown(model: VideoModel, starred: bool) -> str:
    kind = model.category.replace("-", " ")
    return f"{'★ ' if starred else ''}{model.title} · {kind} · {prices.range_words(model)}"


def usual_model(deps: Deps, viewer: Viewer) -> str:
    """The model of this person's newest take, else the first one with a known price."""
    usable = price_rules.with_team_rules(deps, gallery.list_usable_models(deps))
    models = {model.id: model for model in usable}
    newest = gallery.list_takes(deps, viewer, TakeFilter(owners=viewer.owner_names), limit=1).items
    if newest and newest[0].job.model in models:
        return newest[0].job.model
    return next((model.id for model in models.values() if model.usual_price), next(iter(models)))
