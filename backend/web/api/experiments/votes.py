"""Judging an experiment: the next pairs, votes on them, votes that were made elsewhere."""

from typing import Any

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import RequestEntityTooLarge

from backend.domain.access.roles import Do
from backend.domain.errors import InvalidRequest, PayloadTooLarge
from backend.services.deps import Deps
from backend.services.experiments.judging import pairs, scores, votes
from backend.services.experiments.judging.pairs import ShownFile, ShownPair
from backend.services.experiments.judging.vote_import import FILE_MAX_BYTES, import_votes
from backend.services.gallery.signed_links import api_link
from backend.web.api.operations import Operation, told
from backend.web.api.request_parts import body_as, current_viewer, query_as
from backend.web.api.schemas.votes import (
    ImportAnswer,
    ImportQuery,
    NextPairsQuery,
    PairList,
    VoteAnswer,
    VoteBody,
    VoteKey,
    score_json,
    vote_json,
)

_ONE = "/api/experiments/<experiment_id>"
_VOTE = told("The vote.", VoteAnswer)
OPERATIONS = (
    Operation(
        "GET", f"{_ONE}/next-pairs", "next_pairs",
        "The next pairs to judge, kept for this token for ten minutes. Nothing tells which take is which.",
        {200: told("Pairs.", PairList)}, Do.VOTE, query=NextPairsQuery, refusals=(404,),
        subject="experiments",
    ),
    Operation(
        "POST", f"{_ONE}/votes", "cast_vote", "Answer a pair. It is kept once this is answered.",
        {201: _VOTE}, Do.VOTE, headers=VoteKey, body=VoteBody, refusals=(404, 409), subject="experiments",
    ),
    Operation(
        "POST", f"{_ONE}/votes/import", "import_votes",
        "Votes that were made elsewhere: CSV with a line of names, or JSON lines, of left, right, choice, "
        "rater and at (which may be left out), by take ids. All are kept, or none; the same file again adds "
        "nothing.",
        {201: told("What became of them.", ImportAnswer)}, Do.EXPERIMENT, query=ImportQuery,
        content=("text/csv", "application/x-ndjson"), refusals=(404, 409), subject="experiments",
    ),
    Operation(
        "DELETE", f"{_ONE}/votes/<vote_id>", "undo_vote", "Take back a vote of one's own. It stays, marked.",
        {200: _VOTE}, Do.VOTE, refusals=(404, 409), subject="experiments",
    ),
)  # fmt: skip


def routes(deps: Deps) -> Blueprint:
    """Below /api/experiments. Stands below the API's blueprint, which sees to the token."""
    blueprint = Blueprint("votes", __name__, url_prefix="/experiments/<experiment_id>")

    @blueprint.get("/next-pairs")
    def next_pairs(experiment_id: str) -> ResponseReturnValue:
        asked = query_as(NextPairsQuery)
        found = pairs.next_pairs(
            deps, current_viewer(), experiment_id, number=asked.n, criterion=asked.criterion or None
        )
        return jsonify({"items": [_pair_json(deps, pair) for pair in found]})

    @blueprint.post("/votes")
    def cast(experiment_id: str) -> ResponseReturnValue:
        return _answered(deps, experiment_id, body_as(VoteBody)), 201

    @blueprint.post("/votes/import")
    def bring(experiment_id: str) -> ResponseReturnValue:
        asked = query_as(ImportQuery)
        request.max_content_length = FILE_MAX_BYTES
        try:
            content = request.get_data(cache=False)
        except RequestEntityTooLarge as error:
            why = f"The file is larger than {FILE_MAX_BYTES // 2**20} MiB; import it in parts."
            raise PayloadTooLarge(why) from error
        done = import_votes(deps, current_viewer(), experiment_id, content, criterion=asked.criterion or None)
        return {"imported": done.imported, "already": done.already}, 201

    @blueprint.delete("/votes/<vote_id>")
    def undo(experiment_id: str, vote_id: str) -> ResponseReturnValue:
        return vote_json(votes.undo_vote(deps, current_viewer(), experiment_id, vote_id))

    return blueprint


def _answered(deps: Deps, experiment_id: str, asked: VoteBody) -> dict[str, Any]:
    viewer = current_viewer()
    if asked.value is not None:
        if asked.choice is not None or asked.rater is not None:
            raise InvalidRequest({"value": "is the score of a single take; choice and rater are for pairs"})
        score = scores.give_score(deps, viewer, experiment_id, pair=asked.pair, value=asked.value)
        return score_json(score, asked.pair)
    if asked.choice is None:
        raise InvalidRequest({"choice": "is missing"})
    vote = votes.cast_vote(
        deps, viewer, experiment_id, pair=asked.pair, choice=asked.choice, both_bad=asked.both_bad,
        took_ms=asked.took_ms, rater=asked.rater, key=request.headers.get("Idempotency-Key") or None,
    )  # fmt: skip
    return vote_json(vote)


def _pair_json(deps: Deps, pair: ShownPair) -> dict[str, Any]:
    right = _side_json(deps, pair.right) if pair.right else None
    return {"pair": pair.pair, "left": _side_json(deps, pair.left), "right": right}


def _side_json(deps: Deps, side: ShownFile) -> dict[str, Any]:
    return {"url": api_link(deps, side.video), "poster_url": api_link(deps, side.poster)}
