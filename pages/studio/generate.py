"""Generate: a model, a prompt, a look; what is sent and what it costs stand beside it, the takes below."""

import streamlit as st

from backend.domain.access.roles import Do
from backend.domain.errors import BudgetExceeded, DailiesError
from backend.domain.states import ACTIVE_STATES
from backend.services.money import budgets
from pages.ui import components, context, live, mine, money, prices, text
from pages.ui.form import draft, from_url, presets, variations_picker
from pages.ui.form.form import Form
from pages.ui.form.sent import composed, generated
from pages.ui.takes import in_progress

deps, viewer = context.deps(), context.viewer()
if not viewer.may(Do.START):
    in_progress.draw_only_looking(deps, viewer)
    st.stop()
draft.restore_once(deps)
from_url.fill_from_url(deps, viewer)
from_url.choose_from_url(deps)

left, right = st.columns([3, 2], gap="large")
with left:
    form = Form(deps)
    form.draw_about()
    form.draw_photos()
    form.draw_prompt()
    form.draw_style()
    form.draw_params()
    with form.top:
        presets.draw_presets(form.request)
    draft.keep(deps, form.request)
    components.hear_choices()

with right:
    with st.container(border=True, key="send", gap="small"):
        quote, asked = form.quote(), form.request
        spent = budgets.spending_summary(
            deps, viewer.owner_names, model=form.model.id, project=asked.project,
            collections=asked.collections,
        )  # fmt: skip
        number = variations_picker.pick_number()
        wanted = number * max(1, len(form.prompts.texts))
        total = prices.times(quote, wanted)
        price = prices.button_words(deps, total, unknown_usd=spent.unknown_usd)
        composed.draw_line(deps, form.requests())
        sent = st.button(
            f"{variations_picker.times_words('Generate', wanted)} · {price}", help=prices.basis_words(quote),
            key="generate", type="primary", width="stretch", shortcut="Ctrl+Enter",
        )  # fmt: skip
        st.caption(f":material/payments: {prices.basis_words(quote)}")
        generated.draw_generated(deps, viewer, form.requests())
        form.show_faults()
        money.draw_budget(spent, total)
        in_progress.draw_expected_time(deps, form.model, form.request.params)
        st.markdown("###### Final prompt")
        form.draw_sent()
    if sent:
        try:
            started = form.send(number)
        except BudgetExceeded as error:
            money.keep_refusal(error)
        except DailiesError as error:
            context.notify(text.plain(error), ":material/error:")
        else:
            if started:
                in_progress.remember_takes(started.jobs)
                variations_picker.tell(started)
                form.mark_sent(started)
        st.rerun()
    only_mine = mine.draw_mine(viewer, at_first=True)
    others = live.Others(ACTIVE_STATES, mine=only_mine)
    live.draw_live(
        lambda: in_progress.draw_takes(deps, viewer, mine=only_mine), key="live-takes", others=others
    )
