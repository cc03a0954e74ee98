"""The commands about tokens: `python -m backend token create|list|revoke`."""

from datetime import datetime
from typing import Annotated

import typer

from backend.bootstrap import open_deps
from backend.domain.access.scopes import Scope
from backend.services import access
from backend.services.team import tokens
from backend.services.team.token_request import LIFE, expires_in_words, parse_token_request
from backend.services.team.tokens import TokenView

app = typer.Typer(help="Tokens for the HTTP API.", no_args_is_help=True)


@app.command("create")
def token_create(
    name: Annotated[str, typer.Argument(help="What it is called; takes are filed under this name.")],
    role: Annotated[access.Role, typer.Option(help="What it may do.")] = access.Role.CREATOR,
    scope: Annotated[
        list[Scope] | None, typer.Option(help="Limits it to this; may be given more than once.")
    ] = None,
    expires: Annotated[
        str, typer.Option(help="When it ends: days from now (30d), a day (2027-03-31), a moment, or never.")
    ] = f"{LIFE.days}d",
) -> None:
    """Make a token of a program and print it once, on the last line."""
    deps = open_deps()
    now = deps.clock.now()
    given = {"name": name, "role": role, "scopes": scope or None}
    asked = parse_token_request({**given, "expires_at": _text(expires_in_words(expires, now))}, now=now)
    made = tokens.create_token(deps, access.cli_viewer(deps), asked)
    typer.echo(f"Token for {name} ({_rights(made.token)}), {_ends(made.token)}.", err=True)
    typer.echo("Keep it now; it can't be shown again:", err=True)
    typer.echo(made.secret)


@app.command("list")
def token_list() -> None:
    """Every token that isn't revoked: what it may do, when it ends and when it was last used."""
    deps = open_deps()
    found = tokens.list_tokens(deps, access.cli_viewer(deps))
    for token in found:
        acts_as = f" of {token.person}" if token.person else ""
        used = f"last used {_minute(token.last_used_at)}" if token.last_used_at else "never used"
        typer.echo(f"{token.id}  {token.name}{acts_as}  {_rights(token)}; {_ends(token)}; {used}")
    if not found:
        typer.echo("There are no tokens.")


@app.command("revoke")
def token_revoke(
    name: Annotated[str, typer.Argument(help="Its name, or its id as `list` shows it.")],
) -> None:
    """Make a token useless from now on."""
    deps = open_deps()
    tokens.revoke_token_by_name(deps, access.cli_viewer(deps), name)
    typer.echo(f"{name} is revoked.")


def _text(at: datetime | None) -> str | None:
    return at.isoformat() if at else None


def _minute(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _rights(token: TokenView) -> str:
    return f"{token.role}, {' '.join(token.scopes)}" if token.scopes else str(token.role)


def _ends(token: TokenView) -> str:
    if token.expires_at is None:
        return "never expires"
    return f"{'expired' if token.expired else 'expires'} {_minute(token.expires_at)}"
