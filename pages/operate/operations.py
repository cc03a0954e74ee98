"""Operations: is it well, what waits, what came in, what the sweeps did."""

import streamlit as st

from backend.domain.access.roles import Do
from backend.services.lifecycle import provider_pause
from backend.services.operations import backlog, heartbeat, status
from backend.services.operations.watch import standing, troubles
from pages.ui import components, context, money, rights, shell, text
from pages.ui.operate import (
    charges,
    deliveries,
    health,
    limits_editor,
    refusals,
    replays,
    standing_experiments,
)

rights.draw_page_for(Do.SEE_OPERATIONS)
deps = context.deps()
now, numbers = deps.clock.now(), status.collect_numbers(deps)

shell.draw_remedies()
shell.draw_warnings()
for provider, paused in provider_pause.list_pauses(deps).items():
    health.draw_pause(provider, paused, now)
health.draw_troubles(troubles.list_troubles(deps))
standing_experiments.draw_standing(standing.list_standing(deps), now)
health.draw_figures(deps, numbers, now)
money.draw_figures(deps, context.viewer())
money.draw_balance(deps)

left, right = st.columns(2, gap="large")
with left:
    with st.container(border=True, key="backlog"):
        st.markdown("##### Takes by state")
        components.draw_bars(health.backlog_rows(numbers), key="bars")
    with st.container(border=True, key="workers"):
        st.markdown("##### Workers")
        health.draw_workers(heartbeat.list_workers(deps), swept=status.last_sweep(deps))
        health.draw_work(backlog.list_work_kinds(deps))
    with st.container(border=True, key="sweeps"):
        st.markdown("##### Sweeps that found something to do")
        health.draw_sweeps(status.list_sweeps(deps))
with right:
    st.page_link("operate/spend.py", label="What was spent, by what", icon=":material/payments:")
    limits_editor.draw_limits(deps, context.viewer())
    charges.draw_charges(deps)

with st.container(key="inbox"):
    st.markdown("##### Webhook deliveries")
    deliveries.draw_deliveries(deps, numbers.deliveries)
    replays.draw_replay_all(deps)
    refusals.draw_refusals(deps)

if st.button("Refresh", key="refresh-page", icon=":material/refresh:"):
    st.rerun()
st.caption(f"As of {text.plain(now.strftime('%Y-%m-%d %H:%M:%S'))} UTC")
