"""Operations: is it well, what waits, what came in, what the sweeps did."""

import streamlit as st

from backend.services.lifecycle import provider_pause
from backend.services.operations import backlog, heartbeat, status
from pages.ui import components, context, money, shell, text
from pages.ui.operate import deliveries, health

deps = context.deps()
now, numbers = deps.clock.now(), status.numbers(deps)

shell.warnings()
for paused in provider_pause.current(deps):
    health.paused(paused, now)
health.figures(deps, numbers, now)
money.figures(deps, context.viewer())

left, right = st.columns(2, gap="large")
with left, st.container(border=True, key="backlog"):
    st.markdown("##### Takes by state")
    components.bars(health.backlog(numbers), key="bars")
with right:
    with st.container(border=True, key="workers"):
        st.markdown("##### Workers")
        health.workers(heartbeat.workers(deps), now, sweeper=backlog.sweeper(deps))
        health.work(backlog.kinds(deps))
    with st.container(border=True, key="sweeps"):
        st.markdown("##### Sweeps that found something to do")
        health.sweeps(status.list_sweeps(deps))
    money.charts(deps)

with st.container(key="inbox"):
    st.markdown("##### Webhook deliveries")
    deliveries.draw(deps, numbers.deliveries)

if st.button("Refresh", key="refresh", icon=":material/refresh:"):
    st.rerun()
st.caption(f"As of {text.plain(now.strftime('%Y-%m-%d %H:%M:%S'))} UTC")
