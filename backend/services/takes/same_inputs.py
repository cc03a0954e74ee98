"""Takes that are made of the same inputs as an earlier one: paid for, and nothing new to see.

Two takes are the same where provider, model, all that is posted and the contents of all photos are, and
either both ask for the same seed, or one person sent both within `SENT_TWICE_WITHIN` without one. Without a
seed each take comes out differently, so to ask for more of them later is no waste. A take that was retried,
or asked for as a variation, is none either: a person chose to pay for it.

A sweep writes down what takes were made of once no older one can still come, and nothing is added to a start.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session

from backend.domain.clock import id_lower_bound
from backend.domain.experiments.inputs import has_seed, inputs_sha256
from backend.services.deps import Deps
from backend.store.library import origins
from backend.store.money import same_inputs
from backend.store.records import uploads
from backend.store.records.facts import Fact

#: Two takes of one person without a seed, asked for so soon after each other, were sent twice by mistake.
SENT_TWICE_WITHIN = timedelta(minutes=10)
#: Takes that are looked at in one transaction.
BATCH = 2_000
#: Transactions at a time, about a second's: years of older takes hold no sweep up.
BATCHES_MAX = 10
#: Before all ids, and behind them.
_FIRST, _NEVER = "", "~"


@dataclass(frozen=True)
class _LookedAt:
    """Up to which take inputs are written down."""

    at: datetime
    job: str = _FIRST


_LOOKED_AT = Fact(_LookedAt, "same_inputs")


def note_inputs(deps: Deps, *, before: datetime) -> None:
    """Write down what the next takes from before this moment were made of, and which are twins.

    At most `BATCHES_MAX` times `BATCH` of them, the oldest first.
    """
    for _ in range(BATCHES_MAX):
        if deps.stopping.is_set() or _note_batch(deps, id_lower_bound(before)) < BATCH:
            break
    if not deps.stopping.is_set():
        _fill_batch(deps)


def _fill_batch(deps: Deps) -> None:
    """What older programs wrote of takes is told as of all others; at most `BATCH` of them at a time."""
    with deps.store.read() as session:
        takes = same_inputs.list_undigested(session, limit=BATCH)
        rows = _rows(session, takes) if takes else []
    if rows:
        with deps.store.begin() as session:
            same_inputs.fill_digests(session, rows)


def _note_batch(deps: Deps, before_id: str) -> int:
    with deps.store.read() as session:
        last = (_LOOKED_AT.read(session) or _LookedAt(deps.clock.now())).job
        takes = same_inputs.list_takes(session, after=last, before=before_id, limit=BATCH)
        rows = _rows(session, takes) if takes else []
    if not rows:
        return 0
    with deps.store.begin() as session:
        known = _LOOKED_AT.lock_and_read(session)
        if (known.job if known else _FIRST) != last:  # another worker was quicker
            return 0
        same_inputs.insert_inputs(session, rows)
        _LOOKED_AT.put(session, _LookedAt(deps.clock.now(), rows[-1]["job_id"]))
    return len(takes)


def noted_until(session: Session) -> str:
    """The newest take whose inputs are written down; "": there is none."""
    known = _LOOKED_AT.read(session)
    return known.job if known else _FIRST


def digest_of(take: Any, contents: Mapping[str, str]) -> str:
    """What a take was made of, as a digest. take: a row with provider, model, payload and its photos."""
    return digest_inputs(take.provider, take.model, take.payload, photos_of(take), contents)


def digest_inputs(
    provider: str,
    model: str,
    payload: Mapping[str, Any],
    photos: Mapping[str, str | Sequence[str]],
    contents: Mapping[str, str],
) -> str:
    """The same for takes of the same inputs. photos: by field, uploads' ids and links; contents: as below."""
    by_content = {
        field: [contents.get(one, one) for one in _listed(given)] for field, given in photos.items()
    }
    return inputs_sha256(provider, model, payload, by_content)


def photo_contents(session: Session, photos: Iterable[Mapping[str, str | Sequence[str]]]) -> dict[str, str]:
    """Upload -> the SHA-256 of its bytes, of all uploads in these photos by field."""
    ids = {
        one for by_field in photos for given in by_field.values() for one in _listed(given) if "/" not in one
    }
    return {row.id: row.sha256 for row in uploads.list_by_ids(session, ids)} if ids else {}


def photos_of(take: Any) -> dict[str, str | Sequence[str]]:
    """Every photo of a take by its field: an upload's id or a link, or a list of them."""
    return {**(take.images or {}), **({take.image_field or "": take.image} if take.image else {})}


def _rows(session: Session, takes: Sequence[Any]) -> list[dict[str, str]]:
    contents = photo_contents(session, map(photos_of, takes))
    meant = origins.made_on_purpose(session, [take.id for take in takes])
    return [_row(take, contents, meant=take.id in meant) for take in takes]


def _row(take: Any, contents: Mapping[str, str], *, meant: bool) -> dict[str, str]:
    seeded, digest = has_seed(take.payload), digest_of(take, contents)
    of_whom = digest if seeded else f"{take.owner} {digest}"
    since = _FIRST if seeded else id_lower_bound(take.created_at - SENT_TWICE_WITHIN)
    return {
        "job_id": take.id,
        "input_sha256": digest,
        "sha256": hashlib.sha256(of_whom.encode()).hexdigest(),
        "since_id": _NEVER if meant or take.parent_id else since,
    }


def _listed(given: str | Sequence[str]) -> Sequence[str]:
    return [given] if isinstance(given, str) else given
