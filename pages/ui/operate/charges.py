"""Charges on the Operations page: what is open, what billing events said, and whether the ledger agrees."""

import streamlit as st

from backend.models import Job
from backend.services.deps import Deps
from backend.services.operations import reconcile_bills, verify_money
from backend.services.operations.account import odd_bills
from backend.services.operations.reconcile_bills import BillReport
from pages.ui import context, money, text
from pages.ui.takes import cards

#: So many open charges are listed; the gallery has the others.
LISTED = 10


def draw_charges(deps: Deps) -> None:
    """What nobody believes, what may have been charged, what billing events and the ledger's check say."""
    with st.container(border=True, key="charges"):
        st.markdown("##### Charges")
        _draw_open(deps)
        _draw_events(deps)
        _draw_ledger_check(deps)


def _draw_open(deps: Deps) -> None:
    viewer = context.viewer()
    found = reconcile_bills.list_open(deps, viewer, limit=LISTED + 1)
    odd = odd_bills.list_odd_bills(deps, viewer)
    if not found and not odd:
        st.caption(
            "No charge is open: no bill is doubted, and no take ended without telling whether it cost."
        )
    for job in odd:
        told = f"{text.plain(text.dollars(money.charge(job).decision.odd_usd or 0.0))} · {_whose(job)}"
        st.page_link(
            cards.DETAIL, label=f"Suspicious bill of {told}", icon=":material/report:",
            query_params={"take": job.id},
        )  # fmt: skip
    for job in found[:LISTED]:
        st.page_link(
            cards.DETAIL, label=f"May be charged: {_words(job)}", icon=":material/contract_edit:",
            query_params={"take": job.id},
        )  # fmt: skip
    if len(found) > LISTED:
        st.caption(f"and more; these are the newest {LISTED}.")


def _words(job: Job) -> str:
    amount = money.charge(job).usd
    known = "price unavailable" if amount is None else f"≈ {text.dollars(amount)}"
    return text.plain(f"{known} · {context.model_title(job.model)}") + f" · {_whose(job)}"


def _whose(job: Job) -> str:
    return text.plain(f"{job.owner} · take …{job.id[-6:]}")


def _draw_events(deps: Deps) -> None:
    report, now = reconcile_bills.last_report(deps), deps.clock.now()
    if not deps.settings.reads_bills:
        st.caption(
            "Without FAL_ADMIN_KEY the provider's billing events are not read: what no header tells stays "
            "open until an admin writes it off on the take's page: check fal billing."
        )
        return
    if report is None:
        st.caption("Billing events are read once a day; they have not been read yet.")
        return
    if report.problem:
        st.warning(
            text.plain(f"Billing events can't be read: {report.problem}"), icon=":material/receipt_long:"
        )
        return
    st.caption(text.plain(f"Billing events read {text.since(now, report.at)}: {_report_words(report)}"))
    for each in report.differences[:LISTED]:
        was = "nothing" if each.was_usd is None else text.dollars(each.was_usd)
        words = f"{was} → {text.dollars(each.is_usd)}"
        st.page_link(
            cards.DETAIL, label=f"Corrected: {text.plain(words)}",
            icon=":material/difference:", query_params={"take": each.job_id},
        )  # fmt: skip
    for job_id in report.untold_jobs[:LISTED]:
        st.page_link(
            cards.DETAIL, label=f"Billed, and not in the events: {text.plain(f'take …{job_id[-6:]}')}",
            icon=":material/difference:", query_params={"take": job_id},
        )  # fmt: skip


def _report_words(report: BillReport) -> str:
    words = [
        f"{report.agreed} agree", f"{report.settled} settled", f"{len(report.differences)} corrected",
        f"{report.unseen} not charged after all",
    ]  # fmt: skip
    if report.untold:
        words.append(f"{report.untold} billed, of which they say nothing")
    if report.unread:
        words.append(f"{report.unread} with an amount that can't be read or believed")
    if report.strangers:
        words.append(f"{report.strangers} requests that no take knows ({text.dollars(report.strangers_usd)})")
    return ", ".join(words) + "."


def _draw_ledger_check(deps: Deps) -> None:
    check = verify_money.last_check(deps)
    if check is None or (check.done_at is None and not check.differences):
        st.caption("The ledger is worked out again once a day; the first look is still to come.")
    elif check.differences:
        st.error(
            text.plain(
                f"The ledger disagrees in {len(check.differences)} places: `verify --money` "
                f"names them all. {check.differences[0]}"
            ),
            icon=":material/account_balance:",
        )
    else:
        st.caption(
            f"The ledger was worked out again {text.since(deps.clock.now(), check.at)}: no difference."
        )
