"""LOGIN_ROLES: written by hand, so every slip is named with its place; first fit decides, and says why."""

from dataclasses import replace

import pytest

from backend.domain.access.claims import read_identity
from backend.domain.access.identity import Identity
from backend.domain.access.role_decision import decide
from backend.domain.access.role_rules import RoleRuleFaults, parse_rules
from backend.domain.access.roles import Role

RULES = (
    "admin: ana@example.com, kim@example.com, group:dailies-admins; reviewer: group:dailies/review; "
    "creator: @example.com; viewer: @agency.example"
)
ANA = Identity("https://id.example", "1", "Ana", "Ana@Example.com", email_verified=True)
GOOGLE = replace(ANA, issuer="https://accounts.google.com")
NOT_KIM = "\N{KELVIN SIGN}im@example.com"


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("admn: a@b.example", ["rule 1, at character 1: 'admn' is no role", "did you mean admin?"]),
        ("admin: a@b.example; creator", ["rule 2, at character 21: 'creator' has no colon"]),
        ("admin:", ["rule 1, at character 7: nobody is named"]),
        ("admin: a@b.example, ; viewer: @b", ["rule 1, at character 20: nobody is named"]),
        ("admin: group: ", ["rule 1, at character 8: group: names no group"]),
        (
            "admin: a@b.example, viewer: @b",
            ["at character 21: 'viewer: @b' is a rule of its own; write a sem"],
        ),
        ("viewer: grup:x", ["rule 1, at character 9: 'grup:x' is no address"]),
        ("viewer: @*.example.com", ["'@*.example.com' is no address"]),
        ("viewer: a@b@c.example", ["'a@b@c.example' is no address"]),
        ("boss: a@b; viewer: x\n; admin: @", ["1: 'boss'", "20: 'x' is no", "rule 3, at character 31: '@'"]),
    ],
)
def test_every_slip_in_the_rules_is_named_with_its_place(text, faults):
    with pytest.raises(RoleRuleFaults) as refused:
        parse_rules(text)

    for fault in faults:
        assert fault in str(refused.value)


@pytest.mark.parametrize(
    ("who", "role"),
    [
        (ANA, Role.ADMIN),
        (replace(ANA, email_verified=False), None),
        (replace(ANA, email="eve@example.com"), Role.CREATOR),
        (replace(ANA, email=NOT_KIM), Role.CREATOR),
        (replace(ANA, email="KIM@EXAMPLE.COM"), Role.ADMIN),
        (replace(ANA, email="eve@sub.example.com"), None),
        (replace(ANA, email="eve@evilexample.com"), None),
        (replace(ANA, email='"eve@example.com"@evil.example'), None),
        (replace(ANA, email="eve@evil.example@example.com"), Role.CREATOR),
        (replace(ANA, email="eve@example.com."), None),
        (replace(ANA, email=None), None),
        (replace(ANA, email=None, groups=("dailies-admins",)), Role.ADMIN),
        (replace(ANA, email=None, groups=("/dailies-admins",)), Role.ADMIN),
        (replace(ANA, email=None, groups=("other", "/dailies/review")), Role.REVIEWER),
        (replace(ANA, email=None, groups=("/other/dailies-admins", "review", "Dailies-Admins")), None),
        (replace(GOOGLE, email="eve@example.com"), None),
        (replace(GOOGLE, email="eve@elsewhere.example", hosted_domain="example.com"), Role.CREATOR),
        (replace(ANA, email="eve@example.com", hosted_domain="agency.example"), None),
    ],
)
def test_the_first_rule_that_fits_decides(who, role):
    assert decide(who, parse_rules(RULES)).role is role


@pytest.mark.parametrize(
    ("rules", "who", "role", "why"),
    [
        (RULES, replace(ANA, email="eve@example.com"), Role.CREATOR, "rule 3, at character 105: @ex"),
        (RULES, replace(ANA, email_verified=False), None, "doesn't say that the address is verified"),
        (RULES, replace(GOOGLE, email="eve@example.com"), None, "none of the organisation's"),
        (RULES, replace(ANA, email=None), None, "told no address"),
        (RULES, replace(ANA, email="x@y.example"), None, "told no groups, which is not the same"),
        (RULES, replace(ANA, email="x@y.example", groups=("x",) * 100), None, "100 groups came"),
        (RULES, replace(ANA, email="x@y.example", overflowed=True), None, "too many to tell"),
        ("", ANA, None, "No rules for roles are set"),
        # Who may be an intern gets no more than an intern.
        ("viewer: group:interns; creator: @example.com", replace(ANA, overflowed=True), Role.VIEWER, "might"),
        ("admin: group:bosses; creator: @example.com", replace(ANA, overflowed=True), Role.CREATOR, "rule 2"),
    ],
)  # fmt: skip
def test_a_decision_says_why_and_what_the_provider_left_unsaid(rules, who, role, why):
    decision = decide(who, parse_rules(rules))

    assert decision.role is role
    assert why in decision.why


@pytest.mark.parametrize(
    ("text", "lost", "admin"),
    [
        (RULES, [], True),
        ("admin: ana@x.example; viewer: Ana@x.example", ["ana@x.example"], True),
        ("creator: @x.example; admin: ana@x.example", ["ana@x.example"], False),
        ("creator: group:a; admin: group:/a; admin: @y.example", ["group:a"], True),
        ("creator: @x.example, ana@x.example", [], False),
    ],
)
def test_of_rules_that_contradict_the_first_wins_and_the_later_is_known(text, lost, admin):
    rules = parse_rules(text)

    assert [later.written for _, later in rules.contradictions] == lost
    assert rules.can_make(Role.ADMIN) is admin


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({"email_verified": True}, {"email_verified": True}),
        ({"email_verified": "true"}, {"email_verified": True}),
        ({"email_verified": "false"}, {"email_verified": False}),
        ({}, {"email_verified": False, "groups": None, "overflowed": False}),
        ({"trust": True}, {"email_verified": True}),
        ({"trust": True, "email_verified": False}, {"email_verified": False}),
        ({"email": "", "trust": True}, {"email": None, "email_verified": False}),
        ({"groups": "one"}, {"groups": ("one",)}),
        ({"groups": ["a", 7, "a"], "roles": ["b"]}, {"groups": ("a", "b")}),
        ({"groups": []}, {"groups": ()}),
        ({"hasgroups": True}, {"groups": None, "overflowed": True}),
        ({"_claim_names": {"groups": "src1"}, "roles": ["b"]}, {"groups": ("b",), "overflowed": True}),
        ({"preferred_username": "ana", "hd": "x.example"}, {"name": "ana", "hosted_domain": "x.example"}),
        ({"name": ["no", "text"], "groups": {"a": 1}}, {"name": None, "groups": None}),
    ],
)
def test_claims_of_every_provider_become_one_kind_of_identity(claims, expected):
    given = {"iss": "https://id.example", "sub": "1", "email": "a@x.example", **claims}
    identity = read_identity(given, trust_email=given.pop("trust", False))

    assert {name: getattr(identity, name) for name in expected} == expected
