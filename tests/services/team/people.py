"""People of a team whose proxy says who comes, and of one who sign in."""

from typing import Any

from backend.identity.proxies import HEADER_ISSUER
from backend.models import LoginSession, Person
from backend.services.access import Role, Viewer
from backend.services.deps import Deps

#: Settings of a team whose people come by a proxy.
PROXY = {"login_proxy": "header", "login_proxy_secret": "only-the-proxy-knows-this-secret-of-it"}
#: Of one whose people sign in at `oak`.
OAK = {
    "login_base_url": "https://studio.example", "login_providers": "oak",
    "login_oak_issuer": "https://oak.example", "login_oak_client_id": "dailies",
    "login_oak_client_secret": "only-oak-knows-this",
}  # fmt: skip


def add_person(deps: Deps, name: str, role: Role | None, **more: Any) -> Viewer:
    """Somebody who came once; as pages see them. more: further columns, and `claims` of a sign-in at oak."""
    claims, now = more.pop("claims", None), deps.clock.now()
    issuer = HEADER_ISSUER if claims is None else OAK["login_oak_issuer"]
    row = Person(
        id=f"id-{name}",
        name=name,
        issuer=issuer,
        subject=name,
        role=role,
        created_at=now,
        **more,
    )
    with deps.store.begin() as session:
        session.add(row)
        if claims is not None:
            add_session(session, row, claims, now)
    return Viewer(name, role or Role.VIEWER, person_id=row.id)


def add_session(session: Any, person: Person, claims: dict[str, Any], now: Any) -> None:
    """The person signs in at oak, which says this of them."""
    whole = {"iss": person.issuer, "sub": person.subject, **claims}
    session.add(
        LoginSession(
            id=f"session-{person.name}-{now}", person_id=person.id, provider="oak", claims=whole,
            begun_at=now, seen_at=now,
        )
    )  # fmt: skip
