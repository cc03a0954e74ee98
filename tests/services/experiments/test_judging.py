"""Judging by the API: blind pairs, sides, reservations, votes that are kept once, and who may."""

import json
from typing import Any

import pytest
from sqlalchemy import event

from backend.models import Criterion
from backend.services.experiments import findings
from backend.services.experiments.judging import raters, votes
from backend.services.experiments.judging.criteria import add_criterion, list_criteria
from backend.services.experiments.judging.scores import list_scores
from backend.services.library import bulk
from backend.services.library.changes import BulkChanges
from backend.store.experiments import ballots
from tests import databases
from tests.services.client import PUBLIC, SidecarClient, ask_dashboard, said
from tests.services.experiments.judged import make_judged
from tests.world import ADMIN, ANA, cut_line_in_commit, run_sql

pytestmark = databases.BOTH


class Jury:
    """An experiment, and people who judge it by the API."""

    def __init__(self, sidecar: SidecarClient, **how: Any) -> None:
        self.sidecar, self.judged = sidecar, make_judged(sidecar, **how)

    def call(self, who: str, method: str, path: str, **more: Any) -> Any:
        return self.sidecar.call(who, method, f"/api/experiments/{self.judged.id}{path}", **more)

    def pairs(self, who: str, n: int = 8, more: str = "") -> list[dict[str, Any]]:
        answer = self.call(who, "GET", f"/next-pairs?n={n}{more}")
        assert answer.status_code == 200, answer.get_data(as_text=True)
        items: list[dict[str, Any]] = answer.get_json()["items"]
        return items

    def vote(self, who: str, pair: str, choice: str = "left", key: str | None = None, **more: Any) -> Any:
        headers = {"Idempotency-Key": key} if key else {}
        body = {"pair": pair, "choice": choice, **more}
        return self.call(who, "POST", "/votes", json=body, headers=headers)

    def take(self, side: dict[str, Any]) -> str:
        """The take that a link leads to, as its bytes say."""
        answer = self.sidecar.call(None, "GET", side["url"])
        assert answer.status_code == 200
        return str(answer.get_data(as_text=True)).removeprefix("film of ")

    def ballots(self) -> list[tuple[str, str, str, str]]:
        with self.sidecar.deps.store.read() as session:
            return votes.list_for_fit(session, self.judged.id, self.judged.id)


@pytest.fixture
def jury(sidecar: SidecarClient) -> Jury:
    return Jury(sidecar)


def test_a_pair_and_its_links_say_nothing_of_which_takes_it_shows(jury):
    told = jury.pairs("eve", 4)
    deps = jury.sidecar.deps
    files = run_sql(deps, "SELECT job.id, video.sha256 FROM job JOIN video ON video.id = job.video_id")
    secret = {*jury.judged.takes, *(name for row in files for name in row), "ana", "dress", "seed", "mp4"}
    shown = {(jury.take(pair["left"]), jury.take(pair["right"])) for pair in told}
    assert len(told) == len({pair["pair"] for pair in told}) == len({frozenset(one) for one in shown}) == 4
    for pair in told:
        for link in (pair["left"]["url"], pair["left"]["poster_url"], pair["right"]["url"]):
            answer = jury.sidecar.call(None, "GET", link)
            head = "\n".join(f"{name}: {value}" for name, value in answer.headers)
            assert not [word for word in secret if word in link + head.replace("video/mp4", "")]
            assert "Content-Disposition" not in answer.headers
            assert answer.headers["Last-Modified"] == "Thu, 01 Jan 1970 00:00:00 GMT"
            browser = ask_dashboard(deps, "GET", link.replace(f"{PUBLIC}/media", "/app/static/media"))
            assert browser.content == answer.get_data()
            assert not [word for word in secret if word in str(browser.headers).replace("video/mp4", "")]
            assert browser.headers["last-modified"] == "Thu, 01 Jan 1970 00:00:00 GMT"
        part = jury.sidecar.call(None, "GET", pair["left"]["url"], headers={"Range": "bytes=5-6"})
        assert (part.status_code, part.get_data()) == (206, b"of")
        forged = pair["left"]["url"].replace("-left", "-right")
        assert jury.sidecar.call(None, "GET", forged).status_code == 403
    assert not [word for word in secret if word in json.dumps(told)]


def test_what_is_not_answered_comes_again_and_is_let_go_after_ten_minutes(jury):
    first = jury.pairs("eve", 2)
    assert jury.pairs("eve", 2) == first
    assert [one["pair"] for one in jury.pairs("eve", 3)][:2] == [one["pair"] for one in first]
    others = jury.pairs("root", 1)
    met = [frozenset((jury.take(one["left"]), jury.take(one["right"]))) for one in (*first, *others)]
    assert len(set(met)) == 3, "somebody else is shown two takes that nobody looks at"
    jury.sidecar.clock.pass_s(601)
    assert not {one["pair"] for one in jury.pairs("eve", 4)} & {one["pair"] for one in first}
    assert jury.vote("eve", first[0]["pair"]).status_code == 201, (
        "who comes back late has looked all the same"
    )


def test_a_vote_is_kept_once_whatever_comes_twice(jury):
    pair, other = (one["pair"] for one in jury.pairs("eve", 2))
    kept = jury.vote("eve", pair, "right", key="k1", took_ms=900)
    assert kept.status_code == 201
    assert jury.vote("eve", pair, "right", key="k1").get_json() == kept.get_json()
    assert said(jury.vote("eve", pair, "left", key="k1"), 409)["code"] == "idempotency_key_reused"
    assert said(jury.vote("eve", other, "right", key="k1"), 409)["code"] == "idempotency_key_reused"
    assert "first answer stands" in said(jury.vote("eve", pair, "left", key="k2"), 409)["message"]
    assert "first answer stands" in said(jury.vote("eve", pair, "right"), 409)["message"]
    assert [choice for _, _, choice, _ in jury.ballots()] == ["right"]
    opened = {row[0] for row in run_sql(jury.sidecar.deps, "SELECT id FROM job WHERE opened_at IS NOT NULL")}
    assert opened == {take for left, right, *_ in jury.ballots() for take in (left, right)}
    assert said(jury.vote("root", "0" * 32), 404)
    assert said(jury.vote("ana", other), 404), "it was shown to somebody else"


#: body of an answer -> the field at fault
NO_ANSWERS = [
    ({"choice": "both"}, "choice"),
    ({"choice": None}, "choice"),
    ({"choice": "left", "both_bad": True}, "both_bad"),
    ({"choice": "left", "took_ms": -1}, "took_ms"),
    ({"choice": "left", "took_ms": "5"}, "took_ms"),
    ({"choice": "left", "took": 5}, "took"),
    ({"choice": "left", "value": 3}, "value"),
]


def test_an_answer_that_is_none_is_refused_by_its_field(jury):
    pair = jury.pairs("eve", 1)[0]["pair"]
    for body, field in NO_ANSWERS:
        refused = said(jury.call("eve", "POST", "/votes", json={"pair": pair, **body}), 422)
        assert [one["field"] for one in refused["fields"]] == [field]
    assert jury.ballots() == []


@pytest.mark.databases("postgres")
def test_a_vote_counts_as_kept_only_after_its_commit(jury):
    deps, pair = jury.sidecar.deps, jury.pairs("eve", 1)[0]["pair"]
    cut_line_in_commit(deps.store, "vote")
    assert said(jury.vote("eve", pair, key="k"), 503)
    assert run_sql(deps, "SELECT count(*) FROM vote")[0][0] == 0
    run_sql(deps, "DROP TRIGGER dies ON vote")
    assert jury.vote("eve", pair, key="k").status_code == 201
    assert len(jury.ballots()) == 1


def test_who_takes_a_vote_back_is_asked_that_pair_again_and_it_counts_no_more(jury):
    pair = jury.pairs("eve", 1)[0]["pair"]
    vote = jury.vote("eve", pair, "tie", key="k", both_bad=True).get_json()
    assert (vote["choice"], vote["both_bad"], vote["undone_at"]) == ("tie", True, None)
    assert said(jury.call("ana", "DELETE", f"/votes/{vote['id']}"), 403)
    assert said(jury.call("eve", "DELETE", "/votes/none"), 404)
    undone = jury.call("eve", "DELETE", f"/votes/{vote['id']}")
    assert (undone.status_code, undone.get_json()["undone_at"] is None) == (200, False)
    assert jury.call("eve", "DELETE", f"/votes/{vote['id']}").get_json() == undone.get_json()
    assert jury.ballots() == []
    assert "taken back" in said(jury.vote("eve", pair, "tie", key="k", both_bad=True), 409)["message"]
    assert jury.ballots() == [], "a call that came late made it count again"
    assert jury.pairs("eve", 1)[0]["pair"] == pair
    assert jury.vote("eve", pair, "left").status_code == 201
    assert len(jury.ballots()) == 1
    assert run_sql(jury.sidecar.deps, "SELECT count(*) FROM vote")[0][0] == 2


def test_nothing_is_added_once_it_is_closed(jury):
    pair, other = (one["pair"] for one in jury.pairs("eve", 2))
    vote = jury.vote("eve", pair).get_json()
    run_sql(jury.sidecar.deps, "UPDATE experiment SET state = 'closed'")
    assert "closed" in said(jury.vote("eve", other), 409)["message"]
    assert "closed" in said(jury.call("eve", "DELETE", f"/votes/{vote['id']}"), 409)["message"]
    (a, _), (b, _) = jury.judged.takes.values()
    assert "closed" in said(bring(jury, f"left,right,choice,rater\n{a},{b},tie,kim\n"), 409)["message"]
    assert jury.pairs("eve") == []
    assert len(jury.ballots()) == 1


def test_a_take_in_the_trash_is_not_shown_and_a_vote_on_it_is_refused_in_words(jury):
    told = jury.pairs("eve", 4)
    gone = jury.take(told[0]["left"])
    bulk.edit_many(jury.sidecar.deps, ADMIN, [gone], BulkChanges(trash=True))
    message = said(jury.vote("eve", told[0]["pair"]), 409)["message"]
    assert "trash" in message
    assert "not counted" in message
    assert jury.sidecar.call(None, "GET", told[0]["left"]["url"]).status_code == 404
    left = jury.pairs("eve", 8)
    assert gone not in {jury.take(pair[side]) for pair in left for side in ("left", "right")}
    assert len(left) == 2


def test_only_who_was_invited_votes_where_the_team_may_not(jury):
    deps, id = jury.sidecar.deps, jury.judged.id
    raters.open_to_team(deps, ANA, id, wanted=False)
    assert "invited" in said(jury.call("eve", "GET", "/next-pairs"), 403)["message"]
    raters.invite(deps, ANA, id, ["eve"])
    pair = jury.pairs("eve", 1)[0]["pair"]
    assert jury.vote("eve", pair).status_code == 201
    assert jury.pairs("ana", 1)
    assert said(jury.call("ben", "GET", "/next-pairs"), 404), "it isn't his to know of"
    raters.invite(deps, ANA, id, ["ben"])
    assert jury.pairs("ben", 1)


def test_only_an_admin_votes_in_another_name(jury):
    pair = jury.pairs("eve", 1)[0]["pair"]
    assert "admin" in said(jury.vote("eve", pair, rater="ben"), 403)["message"]
    for name, item in zip(("kim", "lee"), jury.pairs("root", 2), strict=True):
        assert jury.vote("root", item["pair"], rater=name).get_json()["rater"] == name
    assert sorted(rater for *_, rater in jury.ballots()) == ["kim", "lee"]


def test_votes_of_who_saw_the_names_or_is_left_out_are_kept_apart(jury):
    deps, id = jury.sidecar.deps, jury.judged.id
    blind = jury.vote("ana", jury.pairs("ana", 1)[0]["pair"]).get_json()
    raters.note_sighted(deps, ANA, id)
    sighted = jury.vote("ana", jury.pairs("ana", 1)[0]["pair"]).get_json()
    assert (blind["sighted"], sighted["sighted"]) == (False, True)
    assert len(jury.ballots()) == 1
    jury.vote("eve", jury.pairs("eve", 1)[0]["pair"])
    raters.exclude_rater(deps, ANA, id, "eve")
    assert [rater for *_, rater in jury.ballots()] == ["ana"]
    raters.exclude_rater(deps, ANA, id, "eve", excluded=False)
    assert len(jury.ballots()) == 2
    shown = {one.rater: (one.votes, one.sighted_at is not None) for one in raters.list_raters(deps, ANA, id)}
    assert shown == {"ana": (2, True), "eve": (1, False)}
    run_sql(deps, "UPDATE vote SET seen_left_ms = 0, seen_right_ms = 900 WHERE rater = 'eve'")
    run_sql(deps, "UPDATE vote SET seen_left_ms = 40, seen_right_ms = 900 WHERE rater = 'ana'")
    assert {one.rater: one.unseen for one in raters.list_raters(deps, ANA, id)} == {"ana": 0, "eve": 1}


def test_by_the_experiments_own_id_its_first_question_is_asked_and_no_vote_on_it_is_lost(sidecar):
    deps = sidecar.deps
    jury = Jury(sidecar)
    asked = Criterion(id=deps.clock.new_id(), experiment_id=jury.judged.id, question="Which?", kind="pair")
    with deps.store.begin() as session:
        session.add(asked)
    assert jury.vote("eve", jury.pairs("eve", 1)[0]["pair"]).status_code == 201
    (again,) = jury.pairs("ana", 1, f"&criterion={jury.judged.id}")
    assert jury.vote("ana", again["pair"]).status_code == 201
    for named in (None, asked.id, jury.judged.id):
        assert findings.current_finding(deps, ANA, jury.judged.id, named)["votes"] == 2
    assert [one.id for one in list_criteria(deps, ANA, jury.judged.id)] == [asked.id]


def bring(jury: Jury, content: str | bytes, who: str = "ana") -> Any:
    return jury.call(who, "POST", "/votes/import", data=content, content_type="text/csv")


def test_votes_made_elsewhere_come_in_once_whole_or_not_at_all(jury):
    (a, b), (c, _) = jury.judged.takes.values()
    lines = [f"{a};{c};Left;kim;2026-10-01T10:00:00Z", f"{c};{b};tie;lee;"]
    file = "\ufeffleft;right;choice;rater;at\r\n" + "\r\n".join(lines) + "\r\n"
    refused = said(bring(jury, file + "t-none;c;left;kim;\r\n"), 422)["fields"]
    assert [one["field"] for one in refused] == ["line 4"]
    assert "t-none" in refused[0]["message"]
    assert jury.ballots() == []
    assert bring(jury, file).get_json() == {"imported": 2, "already": 0}
    assert bring(jury, file).get_json() == {"imported": 0, "already": 2}
    assert jury.ballots() == [(a, c, "left", "kim"), (c, b, "tie", "lee")]
    more = "\n".join(json.dumps({"left": a, "right": c, "choice": "left", "rater": "kim"}) for _ in range(2))
    assert bring(jury, more).get_json() == {"imported": 2, "already": 0}
    kinds = run_sql(jury.sidecar.deps, "SELECT kind, count(*) FROM vote GROUP BY kind")
    assert [tuple(row) for row in kinds] == [("imported", 4)]
    assert said(bring(jury, file, "ben"), 404)
    assert said(bring(jury, file, "eve"), 403)


#: file -> the field at fault, and what is said of it
NO_FILES = [
    ("", "file", "no column left"),
    ("left,right,choice\n", "file", "no column rater"),
    ("left,right,choice,rater\n", "file", "has no votes"),
    ("left,right,choice,rater,wight\na,b,left,k,1\n", "wight", "did you mean right"),
    ("left,right,choice,rater\na,b,up,k\n", "line 2", "choice is up"),
    ("left,right,choice,rater\na,a,left,k\n", "line 2", "against itself"),
    ("left,right,choice,rater\na,b,left,\n", "line 2", "rater is missing"),
    ("left,right,choice,rater\na,b,left,k,x\n", "line 2", "more cells"),
    ("left,right,choice,rater,at\na,b,left,k,soon\n", "line 2", "no moment"),
    ('{"left": "a"\n', "line 1", "no JSON object"),
    (b"left,right,choice,rater\n\xff", "file", "no UTF-8"),
]


def test_a_file_of_votes_that_can_not_be_read_is_refused_by_its_line(jury):
    for file, field, words in NO_FILES:
        refused = said(bring(jury, file), 422)["fields"]
        assert [one["message"] for one in refused if one["field"] == field and words in one["message"]], file


def test_single_takes_get_scores_of_which_the_newest_counts(jury):
    deps, id = jury.sidecar.deps, jury.judged.id
    asked = add_criterion(deps, ANA, id, "How natural is it?", "score", {"1": "not at all", "5": "as filmed"})
    items = jury.pairs("eve", 8, f"&criterion={asked.id}")
    assert len(items) == 4
    assert all(one["right"] is None for one in items)
    take = jury.take(items[0]["left"])
    for value in (2, 5, 5):
        answer = jury.call("eve", "POST", "/votes", json={"pair": items[0]["pair"], "value": value})
        assert (answer.status_code, answer.get_json()["value"]) == (201, value)
    assert said(jury.call("eve", "POST", "/votes", json={"pair": items[0]["pair"], "value": 6}), 422)
    assert said(jury.vote("eve", items[1]["pair"]), 404), "a score is asked for, no choice"
    with deps.store.read() as session:
        assert list_scores(session, id, asked.id) == [(take, "eve", 5)]
    assert run_sql(deps, "SELECT count(*) FROM score")[0][0] == 2
    assert [row[0] for row in run_sql(deps, "SELECT id FROM job WHERE opened_at IS NOT NULL")] == [take]
    assert take not in {jury.take(one["left"]) for one in jury.pairs("eve", 8, f"&criterion={asked.id}")}
    assert (
        said(jury.call("eve", "GET", "/next-pairs?criterion=none"), 422)["fields"][0]["field"] == "criterion"
    )


@pytest.mark.databases("sqlite")
def test_scores_of_one_question_are_found_without_reading_those_of_all_others(world):
    with world.deps.store.read() as session:
        connection, sent = session.connection(), list[tuple[str, Any]]()
        event.listen(connection, "before_cursor_execute", lambda *args: sent.append(args[2:4]))
        ballots.list_scores(session, "x", "c")
        ((statement, values),) = sent
        (plan,) = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).all()
    assert "score_experiment (experiment_id=? AND criterion_id=?)" in plan[-1]
