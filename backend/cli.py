"""The command line: `python -m backend …`. Each command is a few lines; the work is done elsewhere."""

import io
import os
import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from backend import logs
from backend.bootstrap import build_deps, open_deps
from backend.commands import backup, experiment, money, token
from backend.commands.backup import fail_with, say_line
from backend.domain.errors import CatalogueUnavailable, DailiesError, SettingsError
from backend.domain.kinds import Health
from backend.settings import Settings, load_settings, read_settings
from backend.store.database.schema.migrate import migrate_schema as upgrade

app = typer.Typer(
    help="Dailies: the studio where a team generates AI video takes and never loses one.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(token.app, name="token")
app.add_typer(experiment.app, name="experiment")
models = typer.Typer(help="The models on offer.", no_args_is_help=True)
app.add_typer(models, name="models")
app.command()(money.statement)
app.command()(backup.backup)
app.command("backed-up")(backup.backed_up)
app.command()(backup.restore)
app.command()(backup.restored)

#: How `doctor` begins a line. What works and is worth a look is no reason to exit 1.
_MARKS = {Health.GREEN: "ok  ", Health.AMBER: "note", Health.RED: "BAD "}
ROOT = Path(__file__).resolve().parent.parent


@app.command()
def up() -> None:
    """Start everything together; Ctrl-C stops it. Without FAL_KEY: demo mode, on the simulator."""
    deps = open_deps()
    settings = deps.settings
    deps.store.close()
    for line in _welcome(settings):
        typer.echo(line)
    processes = ["sidecar", "worker", "dashboard", *(["simulator"] if settings.is_demo else [])]
    bin_dir = str(Path(sys.executable).parent)
    os.environ["PATH"] = f"{bin_dir}{os.pathsep}{os.environ.get('PATH', '')}"
    os.environ["PYTHONUNBUFFERED"] = "1"
    # The process manager gives each process a PORT of its own; the Procfile puts ours back in its place.
    os.environ["DAILIES_PORT"] = str(settings.port)
    os.environ.setdefault("STREAMLIT_SERVER_PORT", str(settings.dashboard_port))
    honcho = shutil.which("honcho") or "honcho"
    os.chdir(ROOT)
    os.execv(honcho, [honcho, "start", *processes])


@app.command()
def worker() -> None:
    """Run the worker: sweeps, submitting, polling, fetching."""
    logs.configure_logging("worker")
    deps = open_deps()
    if deps.store.embedded:
        from backend.work.embedded import EmbeddedWorker as Embedded

        Embedded(deps).run()
    else:
        from backend.work.distributed import DistributedWorker as Distributed

        Distributed(deps).run()


@app.command()
def simulator() -> None:
    """Run fal's queue, webhooks and media, simulated."""
    logs.configure_logging("simulator")
    from simulator.config import SimulatorConfig
    from simulator.server import serve

    settings = load_settings()
    here = f"http://127.0.0.1:{settings.simulator_port}"
    config = SimulatorConfig(data_dir=settings.data_dir / "simulator", public_url=here)
    try:
        serve("127.0.0.1", settings.simulator_port, config)
    except OSError as error:
        raise SettingsError(
            f"The simulator can't start on 127.0.0.1:{settings.simulator_port} ({error.strerror or error}).\n"
            "  SIMULATOR_PORT: stop what uses it, or set another one"
        ) from error


@app.command()
def migrate() -> None:
    """Bring the database to the newest schema; safe from several processes at once."""
    deps = build_deps(load_settings())
    typer.echo(f"The database is at schema {upgrade(deps.store)}.")


@app.command("move-database")
def move_database(
    source: Annotated[str, typer.Argument(help="The file: sqlite:///…")],
    target: Annotated[str, typer.Argument(help="An empty database: postgresql+psycopg://…")],
) -> None:
    """Copy everything from an SQLite file to PostgreSQL, compare it, and seal the file; goes on if killed."""
    from backend.domain.clock import Clock
    from backend.store.database.engine import Store
    from backend.store.database.schema.sqlite_to_postgres import move_to_postgres

    old, new = (Store(read_settings(database_url=url).resolved_database_url) for url in (source, target))
    try:
        rows = move_to_postgres(old, new, now=Clock().now, on_progress=say_line)
    finally:
        old.close()
        new.close()
    typer.echo(f"Moved: {', '.join(f'{name} {number:,}' for name, number in rows.items())}; all compared.")
    typer.echo(
        f"Next: set DATABASE_URL to {new.redacted_url} (with its password) for every process, and start them."
        "\nThe file stays as a backup of this moment; it takes no more writes. Media stay where they are."
    )


@app.command()
def sweep() -> None:
    """One full sweep, now: everything due is looked at, everything odd is mended."""
    logs.configure_logging("sweep")
    from backend.services.operations.sweep import sweep_now

    did = sweep_now(open_deps(), on_progress=say_line)
    typer.echo("Swept: " + (", ".join(f"{name} {number}" for name, number in did.items()) or "nothing to do"))


@app.command()
def export(
    file: Annotated[
        Path, typer.Argument(help="What to write; its ending says how: zip, csv, jsonl, parquet.")
    ],
    asked: Annotated[
        list[str] | None, typer.Argument(help="Which takes, as in the API's query: status=completed rich=1 …")
    ] = None,
) -> None:
    """Takes as a file: a ZIP of their files, or a table of what is known of them."""
    from backend.services.access import cli_viewer
    from backend.services.export.take_export import export_takes, parse_export

    deps = open_deps()
    viewer, parts = cli_viewer(deps), [one.partition("=") for one in asked or ()]
    pairs = [("format", file.suffix[1:]), *((name, value) for name, _, value in parts)]
    export = export_takes(deps, viewer, parse_export(deps, viewer, pairs))
    part = file.with_name(f"{file.name}.part")
    with part.open("wb") as target:
        for chunk in export.chunks:
            target.write(chunk)
    part.replace(file)
    typer.echo(f"{file} has {file.stat().st_size:,} bytes.")


@models.command("refresh")
def models_refresh() -> None:
    """Fetch the provider's catalogue and prices now, whole or not at all."""
    from backend.services.access import cli_viewer
    from backend.services.catalogue import refresh_schedule

    try:
        deps = open_deps()
        brought = refresh_schedule.refresh_now(deps, on_progress=say_line, by=cli_viewer(deps))
    except CatalogueUnavailable as error:
        say_line(f"Not refreshed, the old catalogue stays: {error}.")
        raise typer.Exit(1) from error
    typer.echo(
        f"The catalogue has {brought.endpoints} endpoints: {brought.usable} usable, {brought.priced} with a "
        f"price; {brought.retired} more are no longer offered."
    )
    for remark in brought.price_remarks():
        say_line(remark)


@app.command("move-storage")
def move_storage(
    source: Annotated[str, typer.Argument(help="Where files lie now: file:///… or s3://bucket/prefix")],
    target: Annotated[str, typer.Argument(help="Where they shall lie.")],
) -> None:
    """Move every stored file, compared by hashes, while everything runs; goes on if killed."""
    from backend.services.storage.migrate import move_storage as move

    done = move(open_deps(), source, target, on_progress=say_line)
    typer.echo(f"Moved: {done.files} files looked at, {done.copied} copied ({done.copied_bytes:,} bytes).")
    typer.echo(f"Every process uses {target} by now. Set STORAGE_URL to it when there is time.")
    fail_with(done.problems)


@app.command()
def doctor() -> None:
    """Check settings, database, storage, provider and public URL; exit 1 with what to do."""
    from backend.services.operations.doctor import run_checks

    checks = run_checks(build_deps(load_settings()))
    for check in checks:
        typer.echo(f"{_MARKS[check.health]} {check.name}: {check.says}")
    if not all(check.good for check in checks):
        raise typer.Exit(1)


@app.command()
def verify(
    money: Annotated[
        bool, typer.Option("--money", help="Not files: every sum from its lines, every line from its take.")
    ] = False,
) -> None:
    """Hash every stored file again; what is missing or altered is fetched again."""
    if money:
        from backend.services.operations.verify_money import verify_money

        told = verify_money(open_deps(), on_progress=say_line)
        typer.echo(told.words)
        fail_with(told.differences)
        return
    from backend.services.operations.verify import verify_all

    found = verify_all(open_deps(), on_progress=say_line)
    bad = len(found.problems)
    typer.echo(f"Verified {found.checked} files: {found.whole} whole, {bad} missing or altered.")
    for line in found.problems:
        typer.echo(f"  {line}")


def main() -> int:
    """Run a command; an error of ours is one message and exit code 1."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # the name of a folder may be no text
    try:
        app()
    except DailiesError as error:
        say_line(error.in_full)
        return 1
    return 0


def _welcome(settings: Settings) -> list[str]:
    path = settings.streamlit_server_base_url_path
    address = f"http://127.0.0.1:{settings.dashboard_port}" + (f"/{path}/" if path else "")
    lines = ["", f"  Dailies:  {address}", f"  API:      http://{settings.host}:{settings.port}"]
    if settings.is_demo:
        demo = "no FAL_KEY is set, so the built-in simulator renders. Nothing costs anything."
        lines.append(f"  Demo mode: {demo}")
    elif not settings.webhooks_reach_us:
        lines.append("  No public https PUBLIC_URL is set: polling is at work instead of webhooks.")
    return [*lines, "  Ctrl-C stops everything.", ""]
