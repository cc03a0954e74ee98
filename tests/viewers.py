"""Viewers that tests ask as, and tokens of programs."""

import hashlib
import secrets
from collections.abc import Mapping

from backend.models import Token
from backend.services import access
from backend.services.access import Role, Viewer
from backend.services.deps import Deps
from backend.services.team import tokens
from backend.services.team.token_request import parse_token_request

#: Who made the takes of most tests, with every right.
LOCAL_VIEWER = Viewer("studio", Role.ADMIN)


def make_token(deps: Deps, name: str, role: Role, **more: object) -> str:
    """A new token, as the command line makes it; returns its secret."""
    asked = parse_token_request({"name": name, "role": role, **more}, now=deps.clock.now())
    return tokens.create_token(deps, access.cli_viewer(deps), asked).secret


def put_tokens(deps: Deps, roles: Mapping[str, Role]) -> dict[str, str]:
    """Their secrets by name. The rows are put in as `make_token` leaves them, and nothing is in the audit."""
    made, rows = dict[str, str](), list[Token]()
    for name, role in roles.items():
        token_id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
        made[name] = f"dailies_{token_id}_{secret}"
        rows.append(
            Token(
                id=token_id,
                name=name,
                role=role,
                created_at=deps.clock.now(),
                secret_sha256=hashlib.sha256(secret.encode()).hexdigest(),
                created_by=access.cli_viewer(deps).name,
            )
        )
    with deps.store.begin() as session:
        session.add_all(rows)
    return made
