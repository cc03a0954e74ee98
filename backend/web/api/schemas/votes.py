"""Judging: pairs that say nothing of themselves, and what people answer. The dashboard asks by these, too."""

from typing import Annotated, Any, Literal

from pydantic import Field

from backend.models import Score, Vote
from backend.services.experiments.judging.pairs import NUMBER, NUMBER_MAX
from backend.services.experiments.judging.scores import HIGH, LOW
from backend.services.experiments.judging.votes import KEY_MAX_CHARS
from backend.web.api.schemas.base import Asked, Moment, Told, WholeNumber

#: Nobody looks at a pair for longer than a day.
_TOOK_MAX_MS = 24 * 3600 * 1000
Milliseconds = Annotated[int | None, Field(ge=0, le=_TOOK_MAX_MS)]
Choice = Literal["left", "right", "tie"]


class NextPairsQuery(Asked):
    """How many, and what is asked of them."""

    n: Annotated[int, WholeNumber(1, NUMBER_MAX)] = Field(default=NUMBER, description="Pairs at most.")
    criterion: str | None = Field(
        default=None, max_length=100, description="A question's id; without it the experiment's first one."
    )


class VoteBody(Asked):
    """What somebody says of a pair: which is better, or how good a single take is."""

    pair: str = Field(max_length=100, description="As `next-pairs` named it.")
    choice: Choice | None = Field(default=None, description="Of a pair. Neither is better: a tie.")
    both_bad: bool = Field(default=False, description="With a tie: neither is any good.")
    took_ms: Milliseconds = Field(default=None, description="From seeing it to answering.")
    rater: str | None = Field(default=None, description="In whose name; only with an admin's token.")
    value: Annotated[int, Field(ge=LOW, le=HIGH)] | None = Field(
        default=None, description="Of a single take, for a question that is answered by a score."
    )


class VoteKey(Asked):
    """The header of a vote."""

    idempotency_key: str = Field(
        default="",
        alias="Idempotency-Key",
        max_length=KEY_MAX_CHARS,
        description="The same key and answer again: the same vote.",
    )


class ImportQuery(Asked):
    """What the votes of a file answer."""

    criterion: str | None = Field(
        default=None, max_length=100, description="A question's id; without it the experiment's first one."
    )


class SideAnswer(Told):
    """One side. Neither link tells which take it is."""

    url: str
    poster_url: str


class PairAnswer(Told):
    """Two takes to be compared; right is null where a single take is to get a score."""

    pair: str
    left: SideAnswer
    right: SideAnswer | None


class PairList(Told):
    """The next pairs, kept for whoever asked for ten minutes; empty when there is nothing to judge."""

    items: list[PairAnswer]


class VoteAnswer(Told):
    """A vote, or a score of a single take."""

    id: str
    pair: str | None = Field(description="Null: it was imported.")
    choice: Choice | None = Field(description="Null: it is a score.")
    both_bad: bool = False
    value: int | None = Field(default=None, description="Null: it is a vote on a pair.")
    rater: str
    kind: str = Field(description="person, machine or imported.")
    sighted: bool = Field(default=False, description="Whoever voted had seen which take is which.")
    at: Moment
    undone_at: Moment | None


class ImportAnswer(Told):
    """What became of a file."""

    imported: int
    already: int = Field(description="Votes that an earlier import had brought.")


def vote_json(vote: Vote) -> dict[str, Any]:
    """A vote as its rater sees it: nothing of which take is which."""
    return {
        "id": vote.id, "pair": vote.pair_id, "choice": vote.choice, "both_bad": vote.both_bad, "value": None,
        "rater": vote.rater, "kind": vote.kind, "sighted": vote.sighted, "at": vote.at.isoformat(),
        "undone_at": vote.undone_at.isoformat() if vote.undone_at else None,
    }  # fmt: skip


def score_json(score: Score, pair: str) -> dict[str, Any]:
    """A score in the same form."""
    return {
        "id": score.id, "pair": pair, "choice": None, "both_bad": False, "value": score.value,
        "rater": score.rater, "kind": "person", "sighted": False, "at": score.at.isoformat(),
        "undone_at": None,
    }  # fmt: skip
