"""More of a take that is there: parts of it in the form, variations, a better model, its next scene."""

import streamlit as st

from backend.domain.access.roles import Do
from backend.domain.errors import DailiesError
from backend.domain.states import JobState
from backend.models import Job
from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.gallery.takes import Take
from backend.services.money.quotes import quote_again
from backend.services.takes import retry
from backend.services.takes.remake.continuing import continue_take
from backend.services.takes.remake.parts import Part, used_seed
from backend.services.takes.remake.promotion import Promotion, list_promotions, promote_take
from backend.services.takes.remake.variations import start_variations
from backend.services.takes.request import repeat_request
from pages.ui import context, prices, text
from pages.ui.form import clicks, draft, variations_picker
from pages.ui.takes import cards, in_progress

#: All of a take, and the seed that was used though nobody may have asked for one; as an address has it.
SAME_SEED = f"{Part.EVERYTHING},{Part.SEED}"
#: Where an experiment is planned, as the kit finds it.
EXPERIMENT = "library/experiment.py"
#: Who wants more of a take mostly wants a few.
USUAL_NUMBER = 4
RERUN_HELP = "Fills the form with it, or with a part of it; nothing is sent before you press Generate."
CONTINUE_HELP = "Opens the form with its last frame as start photo; nothing is sent before you press Generate"
VARY_HELP = "Plans an experiment around it: which version is better? Nothing is made or paid by that."
RETRY_HELP = "Makes a new take of the same request. It is paid like any other."


def draw_more(deps: Deps, viewer: Viewer, take: Take, *, has_frames: bool) -> None:
    """The buttons; nothing for whoever may not start takes. has_frames: its video is here and can be read."""
    if not viewer.may(Do.START):
        return
    parts = [
        Part.EVERYTHING,
        *([SAME_SEED] if used_seed(deps, take.job) is not None else []),
        *list(Part)[1:],
    ]
    part = st.menu_button(
        "Edit and rerun", parts, key="use-again", icon=":material/replay:", help=RERUN_HELP,
        format_func=lambda one: one.replace(",", ", same ").capitalize(),
    )  # fmt: skip
    if part:
        st.switch_page(cards.GENERATE, query_params={"from": take.job.id, "parts": str(part)})
    _draw_variations(deps, viewer, take.job)
    if viewer.may(Do.EXPERIMENT) and st.button(
        "Vary this", key=f"vary-this-{take.job.id}", icon=":material/science:", help=VARY_HELP
    ):
        st.switch_page(EXPERIMENT, query_params={"from": take.job.id})
    _draw_promotions(deps, viewer, take.job)
    if has_frames and viewer.may(Do.UPLOAD):
        _draw_continue(deps, viewer, take.job)
    if take.job.state == JobState.FAILED and viewer.may_change(take.job.owner):
        st.button(
            f"Retry · {prices.button_words(deps, quote_again(deps, take.job))}", key=f"retry-{take.job.id}",
            icon=":material/refresh:", help=RETRY_HELP, on_click=_retry, args=(take.job.id,),
        )  # fmt: skip


def _draw_continue(deps: Deps, viewer: Viewer, job: Job) -> None:
    if not st.button(
        "Continue from last frame", key=f"continue-{job.id}", icon=":material/resume:", help=CONTINUE_HELP
    ):
        return
    try:
        request, left_out = continue_take(deps, viewer, job.id)
    except DailiesError as error:
        context.notify(text.plain(error), ":material/error:")
        st.rerun()
    draft.restore_once(deps)  # so that what was in the form can be had back
    for words in [*left_out, *draft.fill(deps, request)]:
        context.notify(f"Not taken over: {text.plain(words)}", ":material/info:")
    st.switch_page(cards.GENERATE)


def _draw_variations(deps: Deps, viewer: Viewer, job: Job) -> None:
    with st.popover("Variations", icon=":material/casino:", key="variations", on_change="rerun") as popover:
        if not popover.open:
            return
        key = f"vary-number-{job.id}"
        st.session_state.setdefault(key, USUAL_NUMBER)
        number = variations_picker.draw_numbers(key)
        price = prices.button_words(deps, prices.times(quote_again(deps, job), number))
        st.caption("The same request, each with a new seed.")
        if st.button(
            f"{variations_picker.times_words('Make', number)} · {price}", key=f"vary-{job.id}",
            type="primary", icon=":material/auto_awesome_motion:",
        ):  # fmt: skip
            _vary(deps, viewer, job, number)


def _vary(deps: Deps, viewer: Viewer, job: Job, number: int) -> None:
    """Make the variations in view, then show them among what this take led to."""
    click = clicks.begin(deps, f"vary:{job.id}", str(number))
    if click is not None:
        bar = st.progress(0.0, text=f"0 of {number} saved")
        with context.errors_as_notices():
            started = start_variations(
                deps, viewer, repeat_request(job, same_template=True), number=number, key=click.key,
                of=job.id,
                on_progress=lambda made: bar.progress(made / number, f"{made} of {number} saved"),
            )  # fmt: skip
            in_progress.remember_takes(started.jobs)
            variations_picker.tell(started)
            if started.error is None:
                clicks.done(deps, f"vary:{job.id}")
    st.rerun()


def _draw_promotions(deps: Deps, viewer: Viewer, job: Job) -> None:
    with st.popover("Promote", icon=":material/trending_up:", key="promote", on_change="rerun") as popover:
        if not popover.open:
            return
        found = list_promotions(deps, viewer, job.id)
        st.caption(
            "The same inputs on a better model or at a higher resolution." if found
            else "There is nothing better on offer for these inputs."
        )  # fmt: skip
        for one in found:
            with st.container(key=f"promotion-{one.id}", gap="xxsmall"):
                st.button(
                    f"{text.plain(_title(one))} · {prices.button_words(deps, one.quote)}{_difference(one)}",
                    key=f"promote-{one.id}", width="stretch", on_click=_promote, args=(job.id, one.id),
                )  # fmt: skip
                if one.left_out:
                    st.caption(f"Doesn't fit there: {text.plain(', '.join(one.left_out))}")


def _title(one: Promotion) -> str:
    return f"{one.model.title} · {one.resolution}" if one.resolution else one.model.title


def _difference(one: Promotion) -> str:
    """How much more it costs, or less, where both prices are known."""
    if one.difference_usd is None:
        return ""
    sign = "+" if one.difference_usd >= 0 else "−"
    return " " + text.plain(f"({sign}{text.dollars(abs(one.difference_usd))})")


def _promote(job_id: str, promotion_id: str) -> None:
    deps = context.deps()
    click = clicks.begin(deps, f"promote:{job_id}", promotion_id)
    if click is not None:
        with context.errors_as_notices():
            job = promote_take(deps, context.viewer(), job_id, promotion_id, key=click.key)
            in_progress.remember_takes([job])
            context.notify("Saved as a new take. You can close this tab.", ":material/bookmark_added:")
            clicks.done(deps, f"promote:{job_id}")


def _retry(job_id: str) -> None:
    with context.errors_as_notices():
        job = retry.retry_job(context.deps(), context.viewer(), job_id)
        in_progress.remember_takes([job])
        context.notify("Saved as a new take.", ":material/refresh:")
