"""Generate: a model, a prompt, a look; what is sent and what it costs stand beside it, the takes below."""

import streamlit as st

from backend.domain.errors import DailiesError
from backend.domain.prompt import compose
from pages.ui import context, live, progress, text
from pages.ui.forms import Form

deps, viewer = context.deps(), context.viewer()
progress.use_again(deps, viewer)

left, right = st.columns([3, 2], gap="large")
with left:
    form = Form(deps)
    form.about()
    form.photo()
    form.prompt()
    form.style()
    form.params()

with right:
    with st.container(border=True, key="send", gap="small"):
        sent = st.button(
            f"Generate · {progress.price_of(deps, form.model, form.asked['params'])}",
            key="generate", type="primary", width="stretch", shortcut="Ctrl+Enter",
        )  # fmt: skip
        form.show_faults()
        progress.expectation(deps, form.model)
        st.markdown("###### This is what is sent")
        composed = compose(form.asked.get("prompt", ""), form.asked["style"])
        st.code(composed or "Write a prompt, or choose a style.", language=None, wrap_lines=True)
        progress.prompt_room(form.model, composed)
    if sent:
        try:
            job = form.send()
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
