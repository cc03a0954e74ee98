"""Judging in the browser: the next pairs, and what somebody answers. Nothing tells which take is which."""

from typing import Any

from pydantic import Field
from starlette.routing import Route

from backend.domain.errors import InvalidRequest
from backend.services.deps import Deps
from backend.services.experiments.judging import pairs, scores, votes
from backend.services.experiments.judging.pairs import ShownFile, ShownPair, ToJudge
from backend.services.gallery.signed_links import own_link
from backend.web.api.request_parts import validated
from backend.web.api.schemas.base import Asked
from backend.web.api.schemas.votes import Milliseconds, NextPairsQuery, VoteBody, score_json, vote_json
from backend.web.wall.calls import Call, Calls


class AskedPairs(NextPairsQuery):
    """The same, and whether somebody who has judged all pairs wants to see them once more."""

    again: bool = False


class SentVote(VoteBody):
    """The same, with its key, and how much of each side was played."""

    key: str = Field(min_length=1, max_length=votes.KEY_MAX_CHARS)
    seen_left_ms: Milliseconds = None
    seen_right_ms: Milliseconds = None


class SkippedPair(Asked):
    """A pair that is not answered now."""

    pair: str


def routes(calls: Calls) -> list[Route]:
    """GET /experiments/<id>/pairs, POST …/votes, …/skip, DELETE …/votes/<id>."""
    one = "/experiments/{experiment_id}"
    return [
        calls.route("GET", f"{one}/pairs", next_pairs),
        calls.route("POST", f"{one}/votes", cast_vote, status=201),
        calls.route("DELETE", f"{one}/votes/{{vote_id}}", undo_vote),
        calls.route("POST", f"{one}/skip", skip_pair),
    ]


def next_pairs(call: Call) -> dict[str, Any]:
    """What is asked, how far it has come, and the next pairs."""
    asked = validated(AskedPairs, dict(call.pairs))
    found = pairs.to_judge(
        call.deps, call.viewer, call.names["experiment_id"],
        number=asked.n, criterion=asked.criterion or None, again=asked.again,
    )  # fmt: skip
    return judging_json(call.deps, found)


def cast_vote(call: Call) -> dict[str, Any]:
    """The vote, once it is kept."""
    asked, experiment_id = call.body_as(SentVote), call.names["experiment_id"]
    if asked.value is not None:
        score = scores.give_score(call.deps, call.viewer, experiment_id, pair=asked.pair, value=asked.value)
        return score_json(score, asked.pair)
    if asked.choice is None:
        raise InvalidRequest({"choice": "is missing"})
    vote = votes.cast_vote(
        call.deps, call.viewer, experiment_id, pair=asked.pair, choice=asked.choice, both_bad=asked.both_bad,
        took_ms=asked.took_ms, key=asked.key, seen_left_ms=asked.seen_left_ms,
        seen_right_ms=asked.seen_right_ms,
    )  # fmt: skip
    return vote_json(vote)


def undo_vote(call: Call) -> dict[str, Any]:
    """The vote, taken back."""
    return vote_json(
        votes.undo_vote(call.deps, call.viewer, call.names["experiment_id"], call.names["vote_id"])
    )


def skip_pair(call: Call) -> dict[str, Any]:
    """Somebody else may be shown it now."""
    pairs.skip_pair(call.deps, call.viewer, call.names["experiment_id"], call.body_as(SkippedPair).pair)
    return {}


def judging_json(deps: Deps, found: ToJudge) -> dict[str, Any]:
    """What the component is told."""
    return {
        "criterion": {
            "id": found.criterion.id, "question": found.criterion.question, "kind": found.criterion.kind,
            "anchors": found.criterion.anchors,
        },
        "closed": found.closed,
        "progress": dict(vars(found.progress)),
        "items": [_pair_json(deps, pair) for pair in found.pairs],
    }  # fmt: skip


def _pair_json(deps: Deps, pair: ShownPair) -> dict[str, Any]:
    right = _side_json(deps, pair.right) if pair.right else None
    return {"pair": pair.pair, "left": _side_json(deps, pair.left), "right": right}


def _side_json(deps: Deps, side: ShownFile) -> dict[str, str]:
    """Relative to the root of all pages, as every link of a component."""
    video, poster = (own_link(deps, key).removeprefix("/") for key in (side.video, side.poster))
    return {"url": video, "poster_url": poster}
