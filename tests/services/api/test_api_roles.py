"""Every route × every role, and without a token, with a wrong one, with one that ended or was revoked."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from backend.domain.access.roles import LEAST, Do, allows
from backend.domain.access.scopes import SCOPE_OF
from backend.domain.states import JobEvent
from backend.services.access import Role, Viewer
from backend.services.experiments.judging import pairs, votes
from backend.services.library import bulk, groups
from backend.services.library.changes import BulkChanges, TakeChanges
from backend.services.library.groups import GroupKind
from backend.web.api.routes import OPERATIONS
from backend.web.door.table import TABLE, Act, What, Who
from tests.documents import differs, table
from tests.services.client import BODY, OPEN, SidecarClient, every_route
from tests.services.conftest import installed
from tests.services.experiments.judged import make_judged
from tests.signing import FakeClock
from tests.viewers import make_token
from tests.world import picture, run_sql

NOBODY = ("no token", "wrong", "expired", "revoked")
WHO = {Role.VIEWER: "eve", Role.CREATOR: "ana", Role.REVIEWER: "ria", Role.ADMIN: "root"}
#: A photo as the multipart field `file`.
PART = b'--edge\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n%b\r\n--edge--\r\n'
#: What these are sent; others nothing.
SENT: dict[str, dict[str, Any]] = {
    "/api/video/start": {"json": BODY},
    "/api/video/estimate": {"json": BODY},
    "/api/video/upload": {"content_type": "multipart/form-data; boundary=edge"},
    "/api/video/takes/bulk": {"json": {"ids": [], "set": {"favourite": True}}},
}
#: The same by method.
SENT_BY: dict[tuple[str, str], dict[str, Any]] = {
    ("PATCH", "/api/video/takes/<job_id>"): {"json": {"favourite": True}},
    ("PATCH", "/api/experiments/<experiment_id>"): {"json": {"at_once": 3}},
    ("POST", "/api/experiments"): {
        "json": {"name": "Which red?", "base": BODY, "axes": {"prompt": ["A red dress", "A red coat"]}}
    },
}
#: These are about a take that has ended.
ENDED = ("/api/video/takes/<job_id>", "/api/video/takes/<job_id>/restore")
#: These want a name that is free.
NAMED = ("/api/collections", "/api/projects", "/api/collections/<group_id>", "/api/projects/<group_id>")
PART_OF_RULE = re.compile("<[^>]*>")
READS = ("GET", "HEAD")
#: Who an address itself tells the sidecar of, instead of a token.
BY_ADDRESS = {
    "/api/video/webhook/<job_id>/<token>": "by the link's token and the provider's signature",
    "/media/<path:key>": "by the link's signature",
}


class Walk:
    """One installation whose routes are all asked, by everybody."""

    def __init__(self, sidecar: SidecarClient) -> None:
        self.sidecar, self.made, self.pair, self.vote_file = sidecar, 0, "", ""
        self.last, self.unchanged = ("", ""), dict[tuple[str, str], dict[str, str]]()
        tokens = sidecar.tokens
        tokens["ria"] = make_token(sidecar.deps, "ria", Role.REVIEWER)
        tokens["expired"], tokens["revoked"] = (
            make_token(sidecar.deps, name, Role.ADMIN) for name in ("old", "gone")
        )
        now = sidecar.clock.now()
        run_sql(sidecar.deps, "UPDATE token SET expires_at = :at WHERE name = 'old'",
                at=(now - timedelta(1)).isoformat(" "))  # fmt: skip
        run_sql(sidecar.deps, "UPDATE token SET revoked_at = :at WHERE name = 'gone'", at=now.isoformat(" "))
        self.photo = PART % picture(size=(64, 48))

    def about(self, rule: str, who: str, whose: str) -> dict[str, str]:
        """What stands for the parts of a route: something of this one's own, or of another's, as it was made.

        What was only looked at, or refused to whoever asked, is still that, and is there for the next one.
        """
        owner = who if whose == "own" else "ben"
        if "/votes" in rule:  # each votes once on a pair
            return self._made(rule, who, owner)
        parts = " ".join(PART_OF_RULE.findall(rule))
        kind = rule if rule in ENDED else rule.split("/")[2] if "<group_id>" in rule else parts
        self.last = (kind, owner)
        if self.last not in self.unchanged:
            self.unchanged[self.last] = self._made(rule, who, owner)
        return self.unchanged[self.last]

    def _made(self, rule: str, who: str, owner: str) -> dict[str, str]:
        if "<job_id>" in rule:
            job = self.sidecar.ask(viewer=Viewer(owner, Role.ADMIN))
            if rule in ENDED:
                self.sidecar.advance(job, JobEvent.CANCELLED)
            return {"<job_id>": job.id, "<token>": "x"}
        if "<token_id>" in rule:
            made = self.sidecar.call(owner, "POST", "/api/tokens", json=self._token(owner))
            assert made.status_code == 201, made.get_data(as_text=True)
            return {"<token_id>": made.get_json()["id"]}
        if "<experiment_id>" in rule:
            return self._experiment(rule, who, owner)
        if "<group_id>" in rule:
            kind = GroupKind(rule.split("/")[2].removesuffix("s"))
            made = groups.create_group(self.sidecar.deps, Viewer(owner, Role.ADMIN), kind, self._name())
            return {"<group_id>": made.id}
        return {"<path:key>": "x.mp4"}

    def _experiment(self, rule: str, who: str, owner: str) -> dict[str, str]:
        """An experiment; where it is about votes, `pair` is shown to this one, and a vote is their own."""
        deps, viewer = self.sidecar.deps, Viewer(who, Role.ADMIN)
        judged = make_judged(self.sidecar, takes=1, owner=Viewer(owner, Role.ADMIN))
        left, right = judged.cell_of
        made = {"<experiment_id>": judged.id, "<cell>": judged.cell_of[left]}
        if "/votes" in rule:
            (shown,) = pairs.next_pairs(deps, viewer, judged.id, number=1)
            self.pair, self.vote_file = shown.pair, f"left,right,choice,rater\n{left},{right},left,zoe\n"
        if "<vote_id>" in rule:
            made["<vote_id>"] = votes.cast_vote(deps, viewer, judged.id, pair=self.pair, choice="left").id
        return made

    def _name(self) -> str:
        self.made += 1
        return f"Spring {self.made}"

    def _rated_by(self, who: str) -> str | None:
        """What takes back a change of somebody's."""
        viewer, job = Viewer(who, Role.ADMIN), self.sidecar.ask()
        return bulk.edit_many(
            self.sidecar.deps, viewer, [job.id], BulkChanges(set=TakeChanges(rating=3))
        ).undo

    def _token(self, who: str) -> dict[str, str]:
        """A creator who sees their own takes alone gives no token that would see everybody's."""
        self.made += 1
        return {"name": f"token {self.made}", "role": "creator" if who in ("ana", "ben") else "viewer"}

    def status(self, method: str, rule: str, who: str, whose: str = "own") -> int:
        """What somebody gets there."""
        token = {"no token": None, "wrong": "dailies_0_0"}.get(who, who)
        asker = who if who in WHO.values() else "ana"
        sent = dict(SENT_BY.get((method, rule)) or SENT.get(rule, {}))
        if method in ("POST", "PATCH") and rule in NAMED:
            sent["json"] = {"name": self._name()}
        elif rule.endswith("/<group_id>/takes"):
            sent["json"] = {"add": []}
        elif rule == "/api/video/takes/bulk/undo":
            sent["json"] = {"undo": self._rated_by(asker)}
        if rule == "/api/video/upload":
            sent["data"] = self.photo
        elif (method, rule) == ("POST", "/api/tokens"):
            sent["json"] = self._token(who)
        parts, path = self.about(rule, asker, whose), rule
        for part, value in parts.items():
            path = path.replace(part, value)
        if (method, rule) == ("POST", "/api/experiments/<experiment_id>/votes"):
            sent["json"] = {"pair": self.pair, "choice": "left"}
        elif rule.endswith("/<experiment_id>/cells"):
            sent["json"] = {"takes": {parts["<cell>"]: 1}}
        elif rule.endswith("/votes/import"):
            sent |= {"data": self.vote_file, "content_type": "text/csv"}
        answer = self.sidecar.call(token, method, path, **sent).status_code
        if method not in READS and answer < 400:
            self.unchanged.pop(self.last, None)
        return answer


@pytest.fixture(params=["team", "own"])
def walk(request: pytest.FixtureRequest, clock: FakeClock, tmp_path: Path) -> Iterator[Walk]:
    with installed(tmp_path, clock, takes_visible=request.param) as deps:
        yield Walk(SidecarClient(deps, clock))


def expected(role: Role, do: Do | None, whose: str, visible: str) -> int | None:
    """The refusal that is due; None: none."""
    if do is not None and role.rank < LEAST[do].rank:
        return 403
    if whose == "own":
        return None
    if do is Do.MANAGE_OWN_TOKENS:
        return None if role is Role.ADMIN else 404
    if do is Do.ORGANISE:
        return 403 if role is Role.CREATOR else None
    if visible == "own" and role is Role.CREATOR:
        return 404
    return 403 if do in (Do.CHANGE_OWN, Do.EXPERIMENT) and role is Role.CREATOR else None


def test_every_route_answers_each_role_and_each_state_of_a_token_as_docs_security_says(
    walk: Walk, request: pytest.FixtureRequest
) -> None:
    visible = walk.sidecar.deps.settings.takes_visible
    known = {(one.method, one.path): one for one in OPERATIONS}
    rows, wrong = list[list[str]](), list[tuple[object, ...]]()
    for method, rule, _ in sorted(every_route(walk.sidecar.app), key=lambda route: route[1::-1]):
        if method == "HEAD" or rule in BY_ADDRESS:
            continue
        nobody = [walk.status(method, rule, who) for who in NOBODY]
        do = known[method, rule].do if rule not in OPEN else None
        of_one = "_id>" in rule and not rule.endswith("<group_id>/takes")
        for whose in ("own", "another's") if of_one else ("own",):
            got = {role: walk.status(method, rule, who, whose) for role, who in WHO.items()}
            if rule not in OPEN:
                due = {role: expected(role, do, whose, visible) for role in Role}
                wrong += [
                    (method, rule, whose, role, got[role])
                    for role in Role
                    if got[role] != due[role] and not (due[role] is None and got[role] < 300)
                ]
                wrong += [(method, rule, nobody)] if nobody != [401] * 4 else []
            name = f"`{method} {rule}`" + (f", {whose}" if of_one else "")
            rows.append([name, *map(str, (*nobody, *got.values()))])
    assert wrong == []
    if visible == "team":
        rows += [[f"`{rule}`", how, *[""] * 7] for rule, how in BY_ADDRESS.items()]
        made = table(["", *NOBODY, *Role], rows)
        write = request.config.option.write_docs
        assert not differs("security.md", "routes", made, write=write), "pytest --write-docs writes it anew"


#: What the door does, in words.
ACTS = {
    Act.PASS: "let through", Act.TO_SIGN_IN: "sent to sign in", Act.REFUSE: "401", Act.FORBID: "403",
    Act.TELL_ROLELESS: "told that a role lacks", Act.LATER: "503",
}  # fmt: skip
ASKED = {
    What.OPEN: "`/static/*`, `/_stcore/health`, the icon",
    What.SIGN_IN: "`/sign-in*`, `/sign-out`",
    What.STREAM: "`/_stcore/stream` (WebSocket), `/_stcore/host-config`",
    What.DOCUMENT: "a page, as a browser opens it",
    What.OTHER: "all else: media, uploads, other WebSockets",
}
COMES = {
    Who.NOBODY: "nobody", Who.ENDED: "an ended session", Who.ROLELESS: "somebody without a role",
    Who.SOMEBODY: "somebody", Who.UNKNOWN: "a session that can't be looked up now",
    Who.UNJUDGED: "a proxy's word that can't be judged now",
}  # fmt: skip


def test_the_table_of_the_door_and_that_of_roles_stand_in_docs_security(
    request: pytest.FixtureRequest,
) -> None:
    """That the door does what its table says, the tests of sign-in show."""
    write = request.config.option.write_docs
    rows = [[ASKED[what], *(ACTS[TABLE[what][who]] for who in Who)] for what in What]
    assert not differs("security.md", "door", table(["asked for", *COMES.values()], rows), write=write)
    deeds = [
        [str(do), *("yes" if allows(role, do) else "–" for role in Role), f"`{SCOPE_OF[do]}`"] for do in Do
    ]
    made = table(["", *Role, "scope of a token"], deeds)
    assert not differs("security.md", "deeds", made, write=write), "pytest --write-docs writes it anew"
