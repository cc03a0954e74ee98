"""Commands about copies of it all: make one, say that one was made, bring one back."""

from pathlib import Path
from typing import Annotated

import typer

from backend.bootstrap import build_deps, open_deps
from backend.domain.errors import SettingsError
from backend.services.storage import relocatable
from backend.settings import load_settings
from backend.store.database.schema.migrate import current_revision, migrate_schema

#: What nobody can know of a copy's people.
_TEAM = (
    "Everybody signs in anew. Who was disabled, given another role, or had a token revoked since the copy "
    "was made, has what the copy says: look at People and at `token list`."
)


def backup(
    folder: Annotated[Path, typer.Argument(help="Where to; an older backup there is updated.")],
) -> None:
    """Copy database, files and secret into a folder, while everything runs."""
    from backend.services.operations.backup import back_up

    done = back_up(open_deps(), folder, on_progress=say_line)
    typer.echo(f"Backed up to {folder}: {done.files} files, {done.new_files} of them new.")
    if not done.has_secret:
        typer.echo("SECRET_KEY comes from the settings: keep it as safe as this backup.")
    fail_with(done.problems)


def backed_up() -> None:
    """After other tools made a backup (`pg_dump`, a snapshot): Operations and /metrics tell how old it is."""
    from backend.services.operations.watch.backups import record_backup

    deps = open_deps()
    record_backup(deps, began_at=deps.clock.now(), place="made by other tools")
    typer.echo("Noted: a backup was made just now.")


def restore(folder: Annotated[Path, typer.Argument(help="A folder that `backup` filled.")]) -> None:
    """Put a backup in the place of nothing; what may have been sent since is held, not sent again."""
    from backend.services.operations.after_restore import settle_if_restored
    from backend.services.operations.backup import restore_backup as bring_back

    deps = build_deps(load_settings())
    done = bring_back(deps, folder, on_progress=say_line)
    migrate_schema(deps.store)
    relocatable.forget_move(deps)  # files were put where STORAGE_URL says
    held = settle_if_restored(deps) or 0
    typer.echo(f"Restored {done.files} files and the database; {held} takes are held, as they may be paid.")
    say_line(_TEAM)
    typer.echo("Now run: python -m backend verify")
    fail_with(done.problems)


def restored() -> None:
    """After other tools restored a database: hold what may have been sent since, before anything runs."""
    from backend.services.operations.after_restore import hold_unsent, settle_if_restored

    deps = build_deps(load_settings())
    if current_revision(deps.store) is None:
        raise SettingsError(
            f"There is nothing in {deps.store.redacted_url}, so nothing was held. Give this command the "
            "settings of the services (DATABASE_URL, DATA_DIR): takes in the restored database may still be "
            "sent again."
        )
    migrate_schema(deps.store)
    held = settle_if_restored(deps)
    held = hold_unsent(deps) if held is None else held
    typer.echo(
        f"{held} takes are held in {deps.store.redacted_url}, "
        "as they may have been sent and paid since the copy was made."
    )
    say_line(_TEAM)


def say_line(line: str) -> None:
    """How far a command is: beside what it answers."""
    typer.echo(line, err=True)


def fail_with(lines: list[str]) -> None:
    """Say what is missing, and fail; nothing happens where nothing is."""
    for line in lines:
        say_line(f"  {line}")
    if lines:
        raise typer.Exit(1)
