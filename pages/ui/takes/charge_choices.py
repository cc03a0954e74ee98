"""What an admin decides about a take's charge: a bill beyond belief, and one that nobody can tell."""

import streamlit as st

from backend.models import Job
from backend.services.money import settling
from backend.services.money.charges import Charge
from pages.ui import context, text

TOLD_HELP = "The bill holds as the provider told it, and counts against the budgets."
ESTIMATE_HELP = "The estimate counts in its place; what the provider told stays on record."
WRITE_OFF_HELP = "It counts for nothing from now on, with your name. A bill that comes all the same counts."


def confirm_bill(job_id: str, as_told: bool) -> None:
    """Decide about a bill beyond belief."""
    with context.errors_as_notices():
        settling.confirm_bill(context.deps(), context.viewer(), job_id, as_told=as_told)
        context.notify("The bill holds as told." if as_told else "The estimate counts.", ":material/check:")


def write_off(job_id: str) -> None:
    """Decide that an open charge counts for nothing."""
    with context.errors_as_notices():
        settling.write_off(context.deps(), context.viewer(), job_id)
        context.notify("Written off.", ":material/money_off:")


def draw_choices(job: Job, charge: Charge) -> None:
    """A button for each decision that is open; nothing where none is."""
    if not charge.is_open:
        return
    with st.container(horizontal=True, key=f"charge-{job.id}"):
        if charge.decision.is_suspicious:
            told = text.plain(text.dollars(charge.decision.odd_usd or 0.0))
            st.button(
                f"Bill is right: {told}", key=f"bill-told-{job.id}", icon=":material/check:",
                help=TOLD_HELP, on_click=confirm_bill, args=(job.id, True),
            )  # fmt: skip
            if job.estimate_usd is not None:
                st.button(
                    f"Count {text.plain(text.dollars(job.estimate_usd))}", key=f"bill-estimate-{job.id}",
                    icon=":material/undo:", help=ESTIMATE_HELP, on_click=confirm_bill, args=(job.id, False),
                )  # fmt: skip
        st.button(
            "Write off", key=f"write-off-{job.id}", icon=":material/money_off:", help=WRITE_OFF_HELP,
            on_click=write_off, args=(job.id,),
        )  # fmt: skip
