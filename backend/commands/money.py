"""Commands about money, which `cli` offers."""

from typing import Annotated

import typer

from backend.bootstrap import open_deps
from backend.domain.errors import SettingsError
from backend.services import access
from backend.services.money import statements


def statement(
    month: Annotated[str, typer.Argument(help="Such as 2026-10.")],
    csv: Annotated[bool, typer.Option("--csv", help="Rows for a spreadsheet, instead of JSON.")] = False,
) -> None:
    """Close a month for good, if nobody has, and print its statement."""
    deps = open_deps()
    found, is_new = statements.open_statement(deps, access.cli_viewer(deps), month)
    how = "was closed now" if is_new else f"was closed by {found.closed_by}"
    typer.echo(f"{month} {how}. SHA-256: {found.sha256}", err=True)
    if not found.is_whole:
        raise SettingsError(f"The statement of {month} was changed in the database: its SHA-256 is another.")
    typer.echo(found.as_csv() if csv else found.content, nl=False)
