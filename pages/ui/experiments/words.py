"""Amounts, counts and cells of experiments in words. No element is drawn here."""

from collections.abc import Mapping, Sequence

from backend.models import Cell
from backend.services.experiments.planning.naming import combination_words
from backend.services.experiments.quote import PlanFigures
from backend.services.experiments.retry import Coming
from backend.services.experiments.view import ExperimentView
from pages.ui import text

#: A label with more characters is cut where there is little room.
LABEL_FITS = 24
#: Labels that share fewer words have next to nothing in common.
SHARED_LEAST = 3
#: So many of a label's own words tell it apart, unless another one begins with the same.
WORDS_OWN = 5


def amount(found: PlanFigures) -> str:
    """What is still to be paid, in short: "$9.60", "up to $9.60", "$2.00 + 4 without a price"."""
    words = text.dollars(found.at_most_usd)
    if found.at_most_usd > found.usd:
        words = f"up to {words}"
    if found.unpriced:
        words = f"{words} + {found.unpriced:,} ?" if found.usd else f"{found.unpriced:,} ?"
    return words


def price(found: PlanFigures, *, is_demo: bool) -> str:
    """What is known of the price, as a sentence."""
    bought = found.takes - found.reused
    if not bought:
        return "Nothing is to be paid: every take is there."
    parts = []
    if bought > found.unknown:
        known, most = text.dollars(found.usd), text.dollars(found.at_most_usd)
        said = known if known == most else f"{known}, at most {most}"
        parts.append(f"{said} for {takes(bought - found.unknown)}")
    if found.unpriced:
        parts.append(f"{takes(found.unpriced)} without a known price")
    if found.refused:
        parts.append(f"{takes(found.refused)} that the model refuses")
    return f"{' + '.join(parts)}.{' Demo: nothing of it is paid.' if is_demo else ''}"


def make_button(found: PlanFigures, *, is_demo: bool) -> str:
    """The label of the one button with the amount: "Make 24 takes for up to $9.60"."""
    bought = found.takes - found.reused
    if not bought:
        return f"Start with {takes(found.takes)} that are there, for nothing"
    label = f"Make {takes(bought - found.refused)} for "
    if bought == found.unknown:
        label += "a price that is not known"
    else:
        label += f"up to {text.dollars(found.at_most_usd)}"
        label += f" + {found.unpriced:,} without a price" if found.unpriced else ""
    return f"{label} (demo: free)" if is_demo else label


def percent(share: float) -> str:
    """A share.

    >>> percent(0.584)
    '58 %'
    """
    return f"{100 * share:.0f} %"


def between(low: float, high: float) -> str:
    """The 95 % interval of a share.

    >>> between(0.551, 0.9)
    '95 %: 55 – 90 %'
    """
    return f"95 %: {100 * low:.0f} – {100 * high:.0f} %"


def takes(number: int) -> str:
    """A number of takes: "1 take", "2,000 takes"."""
    return f"{number:,} {'take' if number == 1 else 'takes'}"


def cell_label(levels: Mapping[str, str], axes: Sequence[str]) -> str:
    """What a cell is called: its levels, in the order of the axes."""
    return combination_words({axis: levels[axis] for axis in axes if axis in levels}) or "the only one"


def tell_apart(labels: Sequence[str]) -> list[str]:
    """What each of these labels is called beside the others where there is little room.

    Long ones by the words that not all of them have, as cards of like takes are; as they are where they share
    next to nothing.

    >>> tell_apart(["A red dress by the sea at dusk", "A blue dress by the sea at night"])
    ['red dusk', 'blue night']
    """
    if len(labels) < 2 or all(len(label) <= LABEL_FITS for label in labels):
        return list(labels)
    split = [label.split() for label in labels]
    shared = set.intersection(*({_bare(word) for word in every} for every in split))
    if len(shared) < SHARED_LEAST:
        return list(labels)
    own = [[word for word in every if _bare(word) not in shared] for every in split]
    short = [" ".join(every[:WORDS_OWN]) + (" …" if len(every) > WORDS_OWN else "") for every in own]
    told = short if len(set(short)) == len(short) else [" ".join(every) for every in own]
    return [called or label for called, label in zip(told, labels, strict=True)]


def _bare(word: str) -> str:
    return word.lower().strip(".,;:!?\"'()")


def price_micros(cells: Sequence[Cell], takes: Mapping[str, int]) -> int:
    """What so many takes of these cells cost, in millionths of a USD, as far as it is known."""
    known = {cell.id: cell.estimate_micros or 0 for cell in cells}
    return sum(known.get(cell, 0) * number for cell, number in takes.items())


def labels_of(cells: Sequence[Cell]) -> dict[str, str]:
    """Cell id -> what it is called."""
    axes = list(dict.fromkeys(axis for cell in cells for axis in cell.levels))
    return {cell.id: cell_label(cell.levels, axes) for cell in cells}


def spent(spent_usd: float, cap_usd: float | None) -> str:
    """What was spent, of its cap.

    >>> spent(3.2, 9.6), spent(0.0, None)
    ('$3.20 of $9.60', '$0.00, no cap')
    """
    said = text.dollars(spent_usd)
    return f"{said}, no cap" if cap_usd is None else f"{said} of {text.dollars(cap_usd)}"


def spent_of(found: ExperimentView) -> str:
    """The same, of an experiment: bills, or what is reserved until they come; its cap counts estimates."""
    cap = found.experiment.cap_micros
    return spent(found.spent_micros / 1e6, None if cap is None else cap / 1e6)


def first_takes(states: Sequence[str], *, waits: bool) -> str:
    """How far the first takes have come, and what is to be done. states: of each, by the words of the API.
    waits: is the rest made once a person says so?

    >>> first_takes(["completed", "processing"], waits=True)
    '1 of 2 first takes is here; the rest is made once you have looked at them, and go on.'
    >>> first_takes(["completed", "completed"], waits=False)
    '2 of 2 first takes are here.'
    """
    here = sum(state == "completed" for state in states)
    said = f"{here:,} of {len(states):,} first {'take' if len(states) == 1 else 'takes'}"
    rest = "; the rest is made once you have looked at them, and go on" if waits else ""
    return f"{said} {'is' if here == 1 else 'are'} here{rest}."


def takes_of(counts: Mapping[str, int], *, not_made: int = 0) -> str:
    """How far its takes have come: "18 of 24 takes, 2 failed". not_made: of what counts as failed, so many
    were never sent.

    >>> takes_of({"completed": 3, "processing": 1, "failed": 0, "held": 0, "planned": 4})
    '3 of 8 takes'
    >>> takes_of({"completed": 1, "failed": 2, "held": 1}, not_made=1)
    '1 of 4 takes, 1 failed, 1 could not be made, 1 needs a decision'
    """
    words = f"{counts.get('completed', 0):,} of {takes(sum(counts.values()))}"
    failed, held = counts.get("failed", 0) - not_made, counts.get("held", 0)
    words += f", {failed:,} failed" if failed else ""
    words += f", {not_made:,} could not be made" if not_made else ""
    return words + (f", {held:,} {'needs' if held == 1 else 'need'} a decision" if held else "")


def not_made(why: str, number: int) -> str:
    """Why so many places have no take. why: as it is kept."""
    said = why.removeprefix("This take can't be made; nothing was sent or charged. ")
    free = " Nothing was sent or charged." if said != why else ""
    return f"{takes(number)} could not be made.{free} {said}"


def not_now(why: str, number: int) -> str:
    """Why so many takes are left out of what a button makes."""
    return f"{takes(number)} can't be made for now. {why}"


def again_what(failed: int, not_made: int) -> str:
    """What is made again: "3 that failed", "2 that failed or could not be made"."""
    kinds = ["failed"] * bool(failed) + ["could not be made"] * bool(not_made)
    return f"{failed + not_made:,} that {' or '.join(kinds)}"


def for_at_most(coming: Coming) -> str:
    """What takes cost at most, behind what a button does.

    >>> for_at_most(Coming(3, 1_260_000, 1)), for_at_most(Coming(1, 0, 1)), for_at_most(Coming(1))
    (' · up to $1.26 + 1 without a known price', ' · price not known', '')
    """
    if coming.takes == coming.unpriced:
        return " · price not known" if coming.takes else ""
    said = f" · up to {text.dollars(coming.at_most_micros / 1e6)}" if coming.at_most_micros else ""
    more = f"{coming.unpriced:,} without a known price"
    return said + ((f" + {more}" if said else f" · {more}") if coming.unpriced else "")


def without_cap(coming: Coming) -> str:
    """What it means to take the cap away. coming: the takes that are still to be made."""
    rest = f" The {takes(coming.takes)} still to be made: {for_at_most(coming).removeprefix(' · ')}."
    said = "Without a cap it spends whatever its takes cost, as far as budgets let it."
    return said + (rest if coming.takes else "")


def retried(number: int, state: str) -> str:
    """What became of a retry. state: of the experiment, then."""
    if not number:
        goes = " It goes on." if state == "running" else ""
        return f"Nothing was made again: somebody was first, or nothing of it can be made any more.{goes}"
    if state == "paused":
        return f"{takes(number)} {'waits' if number == 1 else 'wait'} to be made again, until it is resumed."
    return f"{takes(number)} {'is' if number == 1 else 'are'} made again."
