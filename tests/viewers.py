"""Viewers that tests ask as, and tokens of programs."""

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
