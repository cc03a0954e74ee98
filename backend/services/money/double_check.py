"""The second look of double-entry: what a take's lines must be, worked out from the take alone."""

from collections.abc import Iterator

from backend.domain.kinds import EntryKind
from backend.domain.trouble import was_free
from backend.models import LedgerEntry
from backend.store.jobs.jobs import ENDED_WITHOUT_VIDEO
from backend.store.money.audit import SumDifference, TakeMoney
from backend.store.money.ledger import MICROS_PER_USD, to_micros

#: Bills are kept in dollars rounded to six places: so much may lie between one and units × price.
ROUNDING_MICROS = 1


def faults_of(take: TakeMoney) -> list[str]:
    """What is wrong with the lines of a take, as sentences that name it; [] where all is right."""
    if not take.state:
        return [f"Take {take.id} has {len(take.lines)} lines in the ledger, and there is no such take."]
    if not take.lines:
        return [f"Take {take.id} ({take.state}) has no line in the ledger: nothing was reserved for it."]
    return [f"Take {take.id} ({take.state}): {fault}" for fault in (*_of_lines(take), *_of_end(take))]


def sum_words(found: SumDifference) -> str:
    """A kept sum that is not what its lines come to, as a sentence."""
    whose = f"{found.day}, {found.owner}, {found.model or 'no model'}"
    return f"The sum kept for {whose} is {_usd(found.kept)}; its lines come to {_usd(found.lines)}."


def counted_micros(take: TakeMoney) -> int:
    """What the lines come to."""
    return sum(line.micros for line in take.lines)


def _of_lines(take: TakeMoney) -> Iterator[str]:
    """Each line against what it says of itself, and against those before it."""
    counted, first = 0, take.lines[0]
    for line in take.lines:
        counted += line.micros
        if (line.owner, line.day) != (take.owner, first.day):
            yield f"line {line.id} is filed under {line.owner}, {line.day}"
        expected = _after(line, take)
        if line is not first and line.kind == EntryKind.ESTIMATE:
            yield f"line {line.id} reserves {_usd(line.micros)} once more"
        elif line is first and line.kind != EntryKind.ESTIMATE:
            yield f"line {line.id} ({line.kind}) comes before anything was reserved"
        elif expected is not None and abs(counted - expected) > ROUNDING_MICROS:
            yield (
                f"after line {line.id} ({line.kind}) it counts for {_usd(counted)}; by what the line says it "
                f"is {_usd(expected)}"
            )


def _after(line: LedgerEntry, take: TakeMoney) -> int | None:
    """What a take counts for once this line is written; None where that follows from nothing else."""
    match line.kind:
        case EntryKind.ESTIMATE if line.source == "unknown":
            return max(0, line.micros)  # what stands in for a price nobody knows
        case EntryKind.ESTIMATE | EntryKind.RESTORE:
            return _reserved(take)
        case EntryKind.RELEASE:
            return 0
        case EntryKind.BILL if line.source == "billed" and None not in (line.units, line.unit_usd):
            return to_micros((line.units or 0.0) * (line.unit_usd or 0.0))
        case EntryKind.BILL if line.source == "estimate":
            return to_micros(take.estimate_usd or 0.0)
    return None


def _of_end(take: TakeMoney) -> Iterator[str]:
    """What all lines come to, against what the take says that it costs."""
    counted, expected, why = counted_micros(take), *_expected(take)
    if expected is not None and abs(counted - expected) > ROUNDING_MICROS:
        yield f"its lines come to {_usd(counted)}, and {why}, {_usd(expected)}"


def _expected(take: TakeMoney) -> tuple[int | None, str]:
    if take.billed_usd is not None:
        return to_micros(take.billed_usd), "the take says that it was billed"
    if take.state in ENDED_WITHOUT_VIDEO and was_free(take.error) and take.billed_units is None:
        return 0, "nothing was charged for it"
    if take.lines[-1].kind in (EntryKind.ESTIMATE, EntryKind.RESTORE):
        return _after(take.lines[-1], take), "it is reserved for"
    return None, ""


def _reserved(take: TakeMoney) -> int:
    """What was reserved for a take: its ceiling, where one was told, else its estimate."""
    first = take.lines[0]
    if first.source == "unknown":
        return first.micros
    at_most = (take.price or {}).get("at_most_usd")
    return to_micros(max(at_most or 0.0, take.estimate_usd or 0.0))


def _usd(micros: int) -> str:
    """An amount to the millionth, as far as it has any."""
    words = f"{abs(micros) / MICROS_PER_USD:.6f}".rstrip("0")
    whole, _, part = words.partition(".")
    return f"{'−' if micros < 0 else ''}${whole}.{part:0<2}"
