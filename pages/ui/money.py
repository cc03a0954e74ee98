"""Money on the pages: what a take costs, what was spent, what is left, and what may have been charged."""

import streamlit as st

from backend.catalogue.pricing.quote import Quote
from backend.domain.access.roles import Do
from backend.domain.errors import BudgetExceeded
from backend.domain.kinds import EntryKind
from backend.models import Job, LedgerEntry
from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.gallery import takes
from backend.services.live.cost_words import cost_words as words_of_cost
from backend.services.money import budgets
from backend.services.money.charges import Charge, charge_of
from backend.services.money.limits import BudgetLimit
from backend.services.operations.account import balance
from pages.ui import components, context, text
from pages.ui.components import FactRow
from pages.ui.takes import charge_choices

_REFUSED = "money:refused"
#: kind of a line in the ledger -> what it says
_ENTRIES: dict[EntryKind, str] = {
    EntryKind.ESTIMATE: "Estimated",
    EntryKind.BILL: "Billed",
    EntryKind.RELEASE: "Given back",
    EntryKind.RESTORE: "Counts again",
}


def charge(job: Job) -> Charge:
    """What became of a take's charge."""
    return charge_of(job, reads_events=context.deps().settings.reads_bills)


def cost_words(job: Job) -> str:
    """What a take costs, as far as is known: "≈ $0.35" estimated, "$0.35" billed, "?" where nobody knows."""
    return words_of_cost(charge(job))


def keep_refusal(error: BudgetExceeded) -> None:
    """Show that a limit stands in the way, until somebody dismisses it."""
    st.session_state[_REFUSED] = str(error)


def _dismiss_refusal() -> None:
    st.session_state.pop(_REFUSED, None)


def draw_budget(spent: budgets.SpendingSummary, quote: Quote) -> None:
    """Beside the button: what is left of the tightest limit, those that are near, and a refusal.

    quote: of the take that the form asks for; if it fits no more, that is said before it is sent.
    """
    if refused := st.session_state.get(_REFUSED):
        with st.container(key="refusal", gap="xsmall"):
            st.error(text.plain(refused), icon=":material/money_off:")
            st.button("Dismiss", key="dismiss-refusal", icon=":material/close:", on_click=_dismiss_refusal)
    tight, counts_usd = spent.tightest_limit, quote.at_most_usd
    if tight is not None:
        left = f"You have {text.dollars(tight.left_usd)} {tight.left_words}"
        st.caption(f":material/account_balance_wallet: {text.plain(left)}")
    if quote.usd is None and spent.unknown_usd is not None:
        counts_usd = spent.unknown_usd
        counts = f"Price unavailable: it counts for {text.dollars(counts_usd)} until its bill comes."
        st.caption(f":material/help: {text.plain(counts)}")
    too_dear = tight is not None and (counts_usd or 0.0) > tight.left_usd
    told = [tight] if tight is not None and too_dear and tight not in spent.near else []
    for limit in [*spent.near, *told]:
        refusal = f" This take counts for {text.dollars(counts_usd or 0.0)} and would be refused."
        message = _near_words(limit) + (refusal if too_dear and limit == tight else "")
        st.warning(text.plain(message), icon=":material/account_balance_wallet:")
    draw_warnings(spent)


def _near_words(limit: BudgetLimit) -> str:
    """That little or nothing is left of a limit, and until when."""
    title = f"{limit.title[0].upper()}{limit.title[1:]} of {text.dollars(limit.limit_usd)}"
    if limit.is_exhausted:
        return f"{title} is used up; it renews on {limit.renews}."
    return f"{title} has {text.dollars(limit.left_usd)} left; it renews on {limit.renews}."


def draw_warnings(spent: budgets.SpendingSummary) -> None:
    """Say which warning levels are passed; nothing is refused."""
    for limit in spent.passed_warnings:
        message = f"Over the warning level; not blocked: {limit.title} is {text.dollars(limit.limit_usd)}."
        st.warning(text.plain(message), icon=":material/savings:")


def draw_figures(deps: Deps, viewer: Viewer, *, mine: bool = False) -> None:
    """Spent today and this month, left, what may have been charged, unknown. mine: own takes alone.

    Of everybody for those who see all.
    """
    spent = budgets.spending_summary(deps, viewer.owner_names if mine else viewer.visible_names)
    with st.container(key="money", horizontal=True):
        _figure("Spent today", text.dollars(spent.today_usd), _unknown(spent.unpriced))
        _figure("This month", text.dollars(spent.month_usd), "estimated + billed")
        if spent.tightest_limit is not None:
            limit = spent.tightest_limit
            _figure("Budget", text.dollars(limit.left_usd), limit.left_words, bad=limit.is_near)
        at_risk, bad = text.dollars(spent.at_risk_usd), spent.held > 0
        _figure("Needs a decision", at_risk, _to_decide(spent.held), bad=bad)
    draw_warnings(spent)


def draw_balance(deps: Deps) -> None:
    """What is left at each provider that tells it, how old the figure is, and why it is not newer."""
    now = deps.clock.now()
    for provider, seen in balance.list_balances(deps).items():
        whose = f" at {provider}" if len(deps.providers) > 1 else ""
        if seen.usd is not None:
            words = f"Balance {text.dollars(seen.usd)}{whose} · seen {text.since(now, seen.seen_at)}"
            st.caption(f":material/account_balance: {text.plain(words)}")
        if seen.problem:
            words = f"The balance{whose} is unknown now: {seen.problem}"
            st.caption(f":material/sync_problem: {text.plain(words)}")


def draw_ledger(deps: Deps, viewer: Viewer, job: Job) -> None:
    """A take's cost: what became of its charge, every line of the ledger, and what an admin may decide."""
    lines = takes.ledger_entries(deps, viewer, job.id)
    rows: list[FactRow] = [{"label": "Cost", "value": cost_words(job)}]
    rows += [
        {"label": _ENTRIES[EntryKind(line.kind)], "at_ms": int(line.at.timestamp() * 1000),
         "value": _line_words(line, job)}
        for line in lines
    ]  # fmt: skip
    components.draw_facts(rows, key="ledger")
    st.caption(text.plain(charge(job).words))
    if viewer.may(Do.SETTLE_BILLS):
        charge_choices.draw_choices(job, charge(job))
    if deps.settings.is_demo:
        st.caption("Demo: nothing of it is paid.")


def _line_words(line: LedgerEntry, job: Job) -> str:
    """What a line of the ledger says, with units × unit price where they are known."""
    if line.kind == EntryKind.BILL and line.source == "estimate":
        return f"≈ {text.dollars(job.estimate_usd or 0.0)}, as no bill is known"
    if line.kind == EntryKind.RELEASE and line.source == "written_off":
        return f"written off: −{text.dollars(abs(line.micros) / 1e6)}"
    if line.kind == EntryKind.BILL:
        amount = text.dollars(job.billed_usd or 0.0)
        if line.source != "billed" or line.units is None or line.unit_usd is None:
            return amount
        # Units carry the multiplier of resolution and sound: ten "seconds" of a video of five are right.
        return f"{amount} = {line.units:g} billed units × {text.dollars(line.unit_usd)} (unit: {line.unit})"
    if line.source == "unknown":
        return "?"
    sign = "−" if line.micros < 0 else "≈ "
    return f"{sign}{text.dollars(abs(line.micros) / 1e6)}"


def _unknown(number: int) -> str:
    if not number:
        return "estimated + billed"
    return f"and {number} {'take' if number == 1 else 'takes'} of unknown price"


def _to_decide(number: int) -> str:
    """Of held takes alone: what else may have been charged stands on Operations, and waits for its bill."""
    if not number:
        return "no take waits for one"
    return f"{number} {'take' if number == 1 else 'takes'}, may have been charged"


def _figure(label: str, value: str, below: str, *, bad: bool = False) -> None:
    st.metric(
        label, text.plain(value), delta=text.plain(below),
        delta_color="orange" if bad else "off", delta_arrow="off", border=True,
    )  # fmt: skip
