"""What happened to takes since the last look: read once a process, told to every open page.

A feed is asked by one caller at a time, again and again; it keeps how far it has read.
"""

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session

from backend.domain.states import ACTIVE_STATES, ENDINGS, JobEvent, JobState
from backend.models import Job, TakeOpinion
from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.gallery import takes as gallery
from backend.services.live.cards import load_surroundings, shared_part
from backend.services.live.own_part import own_part
from backend.store.jobs import changes, counts
from backend.store.jobs.changes import Change, Mark
from backend.store.library.marks import load_opinions

#: At one look so many moves and edits are read; the next look goes on from there.
LINES_MAX = 200
#: What changes without a move (bytes, place in line, bills, previews) is compared this often at most.
COMPARE_EVERY_S = 1.0
#: Of our own line, so many places are told as they change.
LINE_TOLD = 50


@dataclass(frozen=True)
class Piece:
    """One take's card for everybody: the part that is the same for all is text already."""

    job: Job
    shared: str
    opinions: Mapping[str, TakeOpinion]

    def text_for(self, viewer: Viewer) -> str:
        """The card as JSON for this viewer, who may see it."""
        own = json.dumps(own_part(viewer, self.job, self.opinions.get(viewer.name)))
        return f"{self.shared[:-1]}, {own[1:]}"


@dataclass(frozen=True)
class News:
    """What has changed. at: the id of the newest move. made, ended: takes that were asked for, and that ended
    or are held, by these moves.

    of_all: state -> how many takes are open, each counted up to a limit; by_owner: (owner, state) -> how
    many, where somebody listens who does not see all.
    """

    at: int
    pieces: Sequence[Piece]
    made: frozenset[str]
    ended: frozenset[str]
    of_all: Mapping[str, int]
    by_owner: Mapping[tuple[str, str], int]

    def text_for(self, viewer: Viewer) -> str | None:
        """What this viewer is told of it, as JSON; None: nothing."""
        seen = [piece for piece in self.pieces if viewer.may_see(piece.job.owner)]
        if not seen:
            return None
        made = [piece.job.id for piece in seen if piece.job.id in self.made]
        ended = [piece.job.id for piece in seen if piece.job.id in self.ended]
        told = {"at": self.at, "made": made, "ended": ended, "counts": open_counts(self._of(viewer))}
        return message_text(told, [piece.text_for(viewer) for piece in seen])

    def _of(self, viewer: Viewer) -> Mapping[str, int]:
        if viewer.sees_all:
            return self.of_all
        theirs: Counter[str] = Counter()
        for (owner, state), number in self.by_owner.items():
            if viewer.owns(owner):
                theirs[state] += number
        return theirs


def message_text(told: Mapping[str, Any], cards: Sequence[str]) -> str:
    """What an open page is sent: `{at, made, ended, counts, takes}`. cards: each as JSON."""
    return f'{json.dumps(told)[:-1]}, "takes": [{", ".join(cards)}]}}'


class Feed:
    """Reads on at every look, from where it was begun."""

    def __init__(self, deps: Deps, *, compare_every_s: float = COMPARE_EVERY_S) -> None:
        self._deps, self._compare_every_s = deps, compare_every_s
        self._moves, self._edits = Mark(), Mark()
        self._quiet, self._line = dict[str, Any](), dict[str, Any]()
        self._compared_at = deps.clock.monotonic()
        self._more = self._compares = False

    def begin_now(self) -> None:
        """What has happened so far is told to nobody."""
        with self._deps.store.read() as session:
            self._moves, self._edits = changes.moves_mark(session), changes.edits_mark(session)
            self._quiet, self._line = changes.quiet_values(session), self._line_now(session)
        self._compared_at = self._deps.clock.monotonic()
        self._more = self._compares = False

    @property
    def is_owing(self) -> bool:
        """Is there something left to be looked at, though nobody may have committed since?"""
        return self._more or (self._compares and self._may_compare)

    def look(self, viewers: Collection[Viewer]) -> News | None:
        """What happened since the last look, for these viewers; None: nothing that a card would say.

        Raises:
            StoreUnavailable: nothing was read, and the next look reads it.
        """
        quiet, line = self._quiet, self._line
        with self._deps.store.read() as session:
            moves, seen = changes.moves_since(session, self._moves, limit=LINES_MAX)
            edits, seen_edits = changes.edits_since(session, self._edits, limit=LINES_MAX)
            if compares := self._may_compare:
                quiet, line = changes.quiet_values(session), self._line_now(session)
            ids = dict.fromkeys(change.job_id for change in (*moves, *edits))
            ids |= dict.fromkeys([*_changed(self._quiet, quiet), *_changed(self._line, line)])
        news = self._news(list(ids), moves, viewers) if ids else None
        self._moves, self._edits = self._moves.advance(seen), self._edits.advance(seen_edits)
        self._more = LINES_MAX in (len(moves), len(edits))
        self._quiet, self._line, self._compares = quiet, line, not compares
        if compares:
            self._compared_at = self._deps.clock.monotonic()
        return news

    @property
    def _may_compare(self) -> bool:
        return self._deps.clock.monotonic() - self._compared_at >= self._compare_every_s

    def _line_now(self, session: Session) -> dict[str, Any]:
        """Places in our own lines: the foremost, which are the next to move."""
        blocking = [name for name, provider in self._deps.providers.items() if provider.blocking]
        lines = [changes.first_in_line(session, name, limit=LINE_TOLD) for name in blocking]
        return {job_id: place for line in lines for place, job_id in enumerate(line)}

    def _news(self, ids: Sequence[str], moves: Sequence[Change], viewers: Collection[Viewer]) -> News:
        """Cards are made once, whoever is told."""
        takes, now = gallery.load_takes(self._deps, ids), self._deps.clock.now()
        around, names = load_surroundings(self._deps, takes), {viewer.name for viewer in viewers}
        with self._deps.store.read() as session:
            opinions = load_opinions(session, ids, names)
            of_all = counts.by_state(session, states=gallery.OPEN_STATES, limit=gallery.COUNT_LIMIT)
            limited = any(not viewer.sees_all for viewer in viewers)
            by_owner = changes.open_by_owner(session, gallery.OPEN_STATES) if limited else {}
        pieces = [
            Piece(
                take.job,
                json.dumps(shared_part(self._deps, take, around, now)),
                {
                    person: of_them[take.job.id]
                    for person, of_them in opinions.items()
                    if take.job.id in of_them
                },
            )
            for take in takes
        ]
        at = max([self._moves.last, *(move.id for move in moves)])
        made = frozenset(move.job_id for move in moves if move.event == JobEvent.CREATED)
        ended = frozenset(move.job_id for move in moves if move.event in ENDINGS)
        return News(at, pieces, made, ended, of_all, by_owner)


def _changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Which of those that stood there before have other values now."""
    return [job_id for job_id, value in after.items() if job_id in before and before[job_id] != value]


def open_counts(by_state: Mapping[str, int]) -> dict[str, int]:
    """How many takes are in progress and how many are held, of these counts."""
    moving = sum(number for state, number in by_state.items() if state in ACTIVE_STATES)
    return {"moving": moving, "held": by_state.get(JobState.HELD, 0)}
