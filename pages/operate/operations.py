"""Operations: is it well, what waits, what came in, what the sweeps did."""

import streamlit as st

from backend.services import heartbeat, overview, pause, workload
from pages.ui import components, context, inbox, money, shell, text, wellbeing

deps = context.deps()
now, numbers = deps.clock.now(), overview.numbers(deps)

shell.warnings()
for paused in pause.current(deps):
    wellbeing.paused(paused, now)
wellbeing.figures(deps, numbers, now)
money.figures(deps, context.viewer())

left, right = st.columns(2, gap="large")
with left, st.container(border=True, key="backlog"):
    st.markdown("##### Takes by state")
    components.bars(wellbeing.backlog(numbers), key="bars")
with right:
    with st.container(border=True, key="workers"):
        st.markdown("##### Workers")
        wellbeing.workers(heartbeat.workers(deps), now, sweeper=workload.sweeper(deps))
        wellbeing.work(workload.kinds(deps))
    with st.container(border=True, key="sweeps"):
        st.markdown("##### Sweeps that found something to do")
        wellbeing.sweeps(overview.list_sweeps(deps))
    money.charts(deps)

with st.container(key="inbox"):
    st.markdown("##### Webhook deliveries")
    inbox.draw(deps, numbers.deliveries)

if st.button("Refresh", key="refresh", icon=":material/refresh:"):
    st.rerun()
st.caption(f"As of {text.plain(now.strftime('%Y-%m-%d %H:%M:%S'))} UTC")
