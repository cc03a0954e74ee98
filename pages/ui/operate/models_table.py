"""Parts of the Models page: where the catalogue stands, filters, and a row a model."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import streamlit as st

from backend.catalogue.models import VideoModel
from backend.catalogue.pricing.bill import Price
from backend.catalogue.pricing.quote import dollars
from backend.domain.access.roles import Do
from backend.services.access import Viewer
from backend.services.catalogue import live_catalogue, refresh_schedule
from backend.services.catalogue.refresh_schedule import RefreshState
from backend.services.deps import Deps
from backend.services.gallery.durations import usual_time
from backend.services.money import price_rules
from pages.ui import context, prices, text
from pages.ui.operate import price_editor
from pages.ui.takes import cards

#: Rows that are drawn before somebody asks for more.
SHOWN = 24
#: Of a description, so much stands in a row (characters).
ABOUT_CHARS = 160
#: So many models are named in a warning.
NAMED = 5
_SHOWN = "models:shown"
_KEYS = ("find", "kind", "provider", "price")

#: What a price may be -> does a model's fit?
PRICES: dict[str, Callable[[Price | None], bool]] = {
    "Up to $0.10 a second": lambda price: _is_by(price, "second") and _usd(price) <= 0.10,
    "Up to $0.25 a second": lambda price: _is_by(price, "second") and _usd(price) <= 0.25,
    "By the second": lambda price: _is_by(price, "second"),
    "By the video": lambda price: _is_by(price, "video", "generation"),
    "By something else": lambda price: bool(price) and not _is_by(price, "second", "video", "generation"),
    "Price unavailable": lambda price: price is None,
}


def _is_by(price: Price | None, *units: str) -> bool:
    return price is not None and price.unit in units


def _usd(price: Price | None) -> float:
    return price.unit_usd if price else 0.0


@dataclass(frozen=True)
class ModelFilter:
    """What somebody looks for."""

    words: str
    kind: str | None
    provider: str | None
    price: str | None


# -- where it stands --------------------------------------------------------------------------


def draw_head(deps: Deps, viewer: Viewer) -> None:
    """Where the list stands, and whose prices want a look."""
    draw_status(deps, viewer)
    draw_price_news(deps)


def draw_status(deps: Deps, viewer: Viewer) -> None:
    """How many models there are, how old the list is, and the way to a newer one."""
    context.show_notices()
    models = deps.catalogue.search()
    unusable = sum(not model.usable for model in models)
    last, at = refresh_schedule.last_refresh(deps), live_catalogue.refreshed_at(deps)
    age = f"refreshed {text.since(deps.clock.now(), at)}" if at else "Built in"
    with st.container(key="catalogue", horizontal=True, vertical_alignment="center"):
        st.markdown(
            f"**{len(models):,} models**"
            + (f" · {unusable:,} can't be used" if unusable else "")
            + f" · {text.plain(age)}",
            width="stretch",
        )
        under_way = last is not None and last.in_progress
        if viewer.may(Do.REFRESH_MODELS):
            st.button(
                "Refreshing" if under_way else "Refresh", key="refresh-catalogue", icon=":material/sync:",
                disabled=under_way, on_click=_request_refresh, args=(deps,),
                help="Ask providers for every model and price again. The list stays until all has come.",
            )  # fmt: skip
    if last is not None and last.in_progress:
        st.caption(f":material/progress_activity: {text.plain(last.message)}")
    elif last is not None and last.state == RefreshState.FAILED:
        st.warning(
            f"The newest refresh ({text.since(deps.clock.now(), last.at)}) failed, and the list stayed as it "
            f"was: {text.plain(last.message)}. A worker tries again within the hour.",
            icon=":material/sync_problem:",
        )


def draw_price_news(deps: Deps) -> None:
    """Say whose prices want a look, and that nothing under way is touched by them."""
    news = price_rules.price_news(deps)
    if news.risen:
        st.warning(
            f"**Far dearer by the newest list:** {_named(news.risen, _rise)}. It holds for new takes only.",
            icon=":material/trending_up:",
        )
    if news.drifted:
        st.warning(
            f"**Price drifted:** {_named(news.drifted, _drift)}. Budgets hold the dearer one.",
            icon=":material/price_change:",
        )


def _named(models: Sequence[VideoModel], say: Callable[[VideoModel], str]) -> str:
    """The first of these models, each with what is to say of it, and how many more there are (markdown)."""
    more = f", and {len(models) - NAMED} more" if len(models) > NAMED else ""
    return text.plain("; ".join(f"{model.title}: {say(model)}" for model in models[:NAMED]) + more)


def _rise(model: VideoModel) -> str:
    old, new = model.price_before, model.price
    return f"{dollars(old.unit_usd)} → {dollars(new.unit_usd)} a {new.unit}" if old and new else ""


def _drift(model: VideoModel) -> str:
    return model.price_drift.words if model.price_drift else ""


def last_change(deps: Deps) -> Hashable:
    """Changes when there is another list, or a refresh begins or ends."""
    last = refresh_schedule.last_refresh(deps)
    return (last.state if last else None, live_catalogue.refreshed_at(deps))


def is_refreshing(deps: Deps) -> bool:
    """Is there more to come?"""
    last = refresh_schedule.last_refresh(deps)
    return last is not None and last.in_progress


def _request_refresh(deps: Deps) -> None:
    with context.errors_as_notices():
        refresh_schedule.request_refresh(deps, context.viewer())


# -- filters ----------------------------------------------------------------------------------


def draw_filters(deps: Deps) -> ModelFilter:
    """Draw the filters in one line; returns what they ask for."""
    models = deps.catalogue.search()
    kinds, providers = {model.category for model in models}, {model.provider for model in models}
    with st.container(key="filters", horizontal=True, vertical_alignment="bottom"):
        words = st.text_input(
            "Search models", key="find", type="search", placeholder="Search models", icon=":material/search:",
            label_visibility="collapsed", width=240, bind="query-params", on_change=_from_the_top,
        )  # fmt: skip
        kind = st.pills(
            "Kind", sorted(kinds - {""}), key="kind", label_visibility="collapsed", bind="query-params",
            format_func=_spaced, on_change=_from_the_top,
        )  # fmt: skip
        provider = st.selectbox(
            "Provider", sorted(providers), key="provider", index=None, placeholder="Any provider",
            label_visibility="collapsed", width=150, bind="query-params", on_change=_from_the_top,
        )  # fmt: skip
        price = st.selectbox(
            "Price", list(PRICES), key="price", index=None, placeholder="Any price",
            label_visibility="collapsed", width=190, bind="query-params", on_change=_from_the_top,
        )  # fmt: skip
        if words or kind or provider or price:
            st.button(
                "Clear all", key="clear-models", icon=":material/close:", type="tertiary", on_click=_clear
            )
    return ModelFilter((words or "").strip(), kind, provider, price)


def find_models(deps: Deps, model_filter: ModelFilter) -> list[VideoModel]:
    """The models that fit, usable ones first; the best matches first, or by title."""
    fits = PRICES[model_filter.price] if model_filter.price else lambda price: True
    found = [
        model
        for model in price_rules.with_team_rules(
            deps, deps.catalogue.search(model_filter.words, model_filter.provider)
        )
        if (model_filter.kind is None or model.category == model_filter.kind) and fits(model.usual_price)
    ]
    return found if model_filter.words else sorted(found, key=lambda m: (not m.usable, m.title.casefold()))


def _from_the_top() -> None:
    st.session_state.pop(_SHOWN, None)


def _clear() -> None:
    for key in _KEYS:
        st.session_state[key] = "" if key == "find" else None
    _from_the_top()


# -- rows -------------------------------------------------------------------------------------


def draw_rows(deps: Deps, viewer: Viewer, found: Sequence[VideoModel]) -> set[str]:
    """A row a model, its price below it while that is edited, and the way to more; the ids of these rows."""
    number = st.session_state.setdefault(_SHOWN, SHOWN)
    for model in found[:number]:
        _row(deps, model)
        if model.id == price_editor.edited_model():
            price_editor.draw_editor(deps, viewer)
    left = len(found) - number
    if left > 0 and st.button(
        f"Show {min(left, SHOWN)} more of {left:,}", key="more-models", icon=":material/expand_more:"
    ):
        st.session_state[_SHOWN] = number + SHOWN
        st.rerun()
    return {model.id for model in found[:number]}


def draw_empty() -> None:
    """Say that nothing fits, and what to do."""
    with st.container(key="empty", horizontal_alignment="center", border=True):
        st.space("small")
        st.markdown("#### No model fits", text_alignment="center")
        st.button("Clear filters", key="clear-models-empty", icon=":material/close:", on_click=_clear)
        st.space("small")


def _row(deps: Deps, model: VideoModel) -> None:
    known = usual_time(deps, model.id) if model.usable else None
    with st.container(border=True, key=f"model-{model.id}"):
        about, price, usual, way = st.columns([7, 2, 2, 1.3], gap="medium", vertical_alignment="center")
        about.markdown(_about(model))
        price.markdown(_price(model))
        price_editor.draw_way(model, price)
        if known:
            usual.markdown(f":material/timer: {known.words}")
        if not model.usable:
            way.markdown(":gray-badge[:material/block: Not usable]")
        elif context.viewer().may(Do.START) and way.button(
            "Generate", key=f"use-{model.id}", help=f"Generate with {text.plain(model.title)}"
        ):
            st.switch_page(cards.GENERATE, query_params={"model": model.id})


def _about(model: VideoModel) -> str:
    """Its title, kind and id; why it can't be used, or else what it is and what to know about its price."""
    words = text.shorten(" ".join(filter(None, (model.description, prices.doubt_words(model)))), ABOUT_CHARS)
    told = "  \n".join(text.plain(one) for one in (words, prices.news_words(model)) if one)  # news: whole
    below = told if model.usable else f":red[:material/block: {text.plain(model.reason)}]"
    title = f"**{text.plain(model.title)}** · {text.plain(_spaced(model.category))}"
    return f"{title} · `{model.id.replace('`', '')}`" + (f"  \n{below}" if below else "")


def _price(model: VideoModel) -> str:
    """From where to where its takes go, what moves that, and whether list and rule still agree (markdown)."""
    moved_by, drifted = prices.moved_by_words(model), ":orange-badge[:material/warning: price drifted]"
    words = f":material/payments: {text.plain(prices.range_words(model))}"
    below = f"  \n:small[:gray[{text.plain(moved_by)}]]" if moved_by else ""
    return f"{words}{f' {drifted}' if model.price_drift else ''}{below}"


def _spaced(category: str) -> str:
    return category.replace("-", " ")
