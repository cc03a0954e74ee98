"""Generate: a model, a prompt, a look; what is sent and what it costs stand beside it, the takes below."""

import streamlit as st

from backend.domain.errors import BudgetExceeded, DailiesError
from pages.ui import chosen, context, live, money, presets, progress, text
from pages.ui.forms import Form

deps, viewer = context.deps(), context.viewer()
progress.use_again(deps, viewer)
chosen.take_over(deps)

left, right = st.columns([3, 2], gap="large")
with left:
    form = Form(deps)
    form.about()
    form.photo()
    form.prompt()
    form.style()
    form.params()
    with form.top:
        presets.draw(form.asked)

with right:
    with st.container(border=True, key="send", gap="small"):
        sent = st.button(
            f"Generate · {progress.price_of(deps, form.model, form.asked['params'])}",
            key="generate", type="primary", width="stretch", shortcut="Ctrl+Enter",
        )  # fmt: skip
        form.show_faults()
        money.beside(deps, viewer)
        progress.expectation(deps, form.model)
        st.markdown("###### This is what is sent")
        form.composed()
        form.payload()
    if sent:
        try:
            job = form.send()
        except BudgetExceeded as error:
            money.refuse(error)
        except DailiesError as error:
            context.notify(text.plain(error), ":material/error:")
        else:
            if job:
                progress.remember(job)
                context.notify("Saved. You can close this tab.", ":material/bookmark_added:")
        st.rerun()
    live.live(
        lambda: progress.draw_takes(deps, viewer),
        watch=lambda: live.pulse(deps),
        moving=live.anything_moves(deps),
    )
