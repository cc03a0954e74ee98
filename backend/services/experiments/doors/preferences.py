"""Which of two takes people preferred, for whoever trains on preferences."""

from collections import Counter
from collections.abc import Iterator

from backend.domain.access.roles import Do
from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.experiments.doors.export_rows import BATCH_ROWS, DataTable, Row, file_path
from backend.services.export.rows import Kind, NamedKind
from backend.store.experiments import exported
from backend.store.experiments.exported import ShownTake

_COLUMNS = [
    *(NamedKind(name, Kind.TEXT) for name in ("prompt", "chosen", "rejected")),
    NamedKind("votes", Kind.WHOLE),
    NamedKind("win_rate", Kind.NUMBER),
    *(
        NamedKind(name, Kind.TEXT)
        for name in (
            "rejected_prompt", "chosen_take", "rejected_take", "chosen_cell", "rejected_cell", "criterion",
        )
    ),
]  # fmt: skip


def preference_table(deps: Deps, viewer: Viewer, experiment_id: str) -> DataTable:
    """Pairs of takes of which people preferred one, in the order in which they first met.

    prompt: as sent, of the one that was chosen; rejected_prompt: of the other, the same or not. chosen,
    rejected: paths of their files. votes: of people alone, ties included; win_rate: the share that chose so,
    a tie being half. Left out: pairs that came out even, takes without a file, or not this viewer's to see.
    """
    viewer.must(Do.SEE)
    with deps.store.read() as session:
        counted = exported.count_choices(session, experiment_id)
        shown = exported.list_shown_takes(session, experiment_id)
    takes = {take.id: take for take in shown if viewer.may_see(take.owner)}
    return DataTable(_COLUMNS, _batches(counted, takes))


def _batches(
    counted: list[tuple[str, str, str, str, int]], takes: dict[str, ShownTake]
) -> Iterator[list[Row]]:
    votes: Counter[tuple[str, str, str]] = Counter()
    halves: Counter[tuple[str, str, str]] = Counter()  # won by the first one
    for criterion, left, right, choice, number in counted:
        pair = criterion, min(left, right), max(left, right)
        first = "left" if left == pair[1] else "right"
        votes[pair] += number
        halves[pair] += number * (1 if choice == "tie" else 2 if choice == first else 0)
    rows = []
    for pair, number in votes.items():
        criterion, one, other = pair
        if halves[pair] == number or one not in takes or other not in takes:
            continue
        won = halves[pair] / 2 / number
        chosen, rejected = (one, other) if won > 0.5 else (other, one)
        rows.append(_row(criterion, takes[chosen], takes[rejected], number, max(won, 1 - won)))
    for begin in range(0, len(rows), BATCH_ROWS):
        yield rows[begin : begin + BATCH_ROWS]


def _row(criterion: str, chosen: ShownTake, rejected: ShownTake, votes: int, win_rate: float) -> Row:
    return {
        "prompt": chosen.prompt, "chosen": file_path(chosen.id, chosen.key),
        "rejected": file_path(rejected.id, rejected.key), "votes": votes, "win_rate": win_rate,
        "rejected_prompt": rejected.prompt, "chosen_take": chosen.id, "rejected_take": rejected.id,
        "chosen_cell": chosen.cell_id, "rejected_cell": rejected.cell_id, "criterion": criterion,
    }  # fmt: skip
