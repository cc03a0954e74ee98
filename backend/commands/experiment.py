"""The commands about experiments: `python -m backend experiment plan|start|status|stop|export|finding …`."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from backend.bootstrap import open_deps
from backend.commands import finding
from backend.commands.backup import fail_with, say_line
from backend.commands.finding import count_words
from backend.domain.errors import InvalidRequest, RequestError
from backend.services import access
from backend.services.deps import Deps
from backend.services.experiments import control, create, findings, quote, view
from backend.services.experiments.doors.folder import export_folder
from backend.services.experiments.doors.plan_file import read_plan_file
from backend.services.experiments.judging import vote_import
from backend.services.experiments.plan import parse_plan
from backend.services.experiments.quote import PlanFigures, PricedPlan
from backend.services.gallery.figures import clock, dollars, shorten
from backend.web.told_errors import told_error

app = typer.Typer(help="Experiments: which prompt is better, with how few takes.", no_args_is_help=True)
app.command("finding")(finding.print_finding)

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object, for programs; faults as well.")]
Id = Annotated[str, typer.Argument(help="Of an experiment, as `plan` prints it.")]
#: So many prompts are shown before anything is paid, and so much of each.
PROMPTS_SHOWN, PROMPT_CHARS = 5, 160


@app.command("plan")
def plan(
    file: Annotated[Path, typer.Argument(help="A plan as JSON, or its rows as CSV or Parquet.")],
    name: Annotated[str | None, typer.Option(help="What it is called; else as the file.")] = None,
    model: Annotated[str | None, typer.Option(help="Of rows that name none.")] = None,
    prompt: Annotated[
        str | None, typer.Option(help="Of rows that have none; {{ words }} are columns.")
    ] = None,
    repeats: Annotated[int | None, typer.Option(help="Takes of each combination.")] = None,
    cap_usd: Annotated[float | None, typer.Option(help="What all takes may cost at most.")] = None,
    canary: Annotated[int | None, typer.Option(help="Takes that are made first; 0: none.")] = None,
    reuse: Annotated[bool | None, typer.Option(help="Take stored takes with the same inputs.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what it comes to.")] = False,
    as_json: AsJson = False,
) -> None:
    """Say what a plan comes to and keep it as a draft. Nothing is paid before `start`."""
    said = {"name": name, "repeats": repeats, "cap_usd": cap_usd, "canary": canary, "reuse": reuse}
    base = {name: text for name, text in (("model", model), ("prompt", prompt)) if text is not None}
    given = {name: value for name, value in said.items() if value is not None} | (
        {"base": base} if base else {}
    )
    with _told(as_json):
        deps = open_deps()
        viewer = access.cli_viewer(deps)
        body, notes = read_plan_file(deps, file.name, _content(file), given)
        read = parse_plan(body)
        priced = quote.price_plan(deps, viewer, read)
        if dry_run and priced.figures.wrong:
            raise InvalidRequest(priced.figures.wrong)
        made = None if dry_run else create.create_experiment(deps, viewer, read).experiment
        kept = {} if made is None else {"id": made.id, "state": made.state}
        if as_json:
            return _print({**kept, **quote.figures_json(priced.figures), "notes": list(notes)})
        for line in (*notes, *_plan_lines(read.name, priced)):
            typer.echo(line)
        if made is None:
            return typer.echo("Nothing was kept, and nothing is paid.")
        typer.echo("It is kept as a draft; nothing is paid before it is started:")
        typer.echo(f"  python -m backend experiment start {made.id}")


@app.command("start")
def start(experiment: Id, as_json: AsJson = False) -> None:
    """Have its takes made, first those of the canary; one that was stopped goes on."""
    with _told(as_json):
        deps = open_deps()
        viewer = access.cli_viewer(deps)
        now = control.start(deps, viewer, experiment)
        if now.state == control.S.PAUSED:
            control.resume(deps, viewer, experiment)
        _say_status(deps, experiment, as_json=as_json)


@app.command("go-on")
def go_on(experiment: Id, as_json: AsJson = False) -> None:
    """The canary was looked at: have all the other takes made, too."""
    with _told(as_json):
        deps = open_deps()
        control.go_on(deps, access.cli_viewer(deps), experiment)
        _say_status(deps, experiment, as_json=as_json)


@app.command("status")
def status(experiment: Id, as_json: AsJson = False) -> None:
    """How far it is, what was spent, and what can be said so far."""
    with _told(as_json):
        _say_status(open_deps(), experiment, as_json=as_json)


@app.command("stop")
def stop(
    experiment: Id,
    close: Annotated[bool, typer.Option("--close", help="For good; else `start` goes on with it.")] = False,
    as_json: AsJson = False,
) -> None:
    """Have no more takes made. What was sent comes home, and is kept."""
    with _told(as_json):
        deps = open_deps()
        (control.close if close else control.pause)(deps, access.cli_viewer(deps), experiment)
        _say_status(deps, experiment, as_json=as_json)


@app.command("export")
def export(
    experiment: Id,
    to: Annotated[Path, typer.Option("--to", help="The folder; files of the same names are replaced.")],
    kind: Annotated[
        str | None,
        typer.Option("--format", help="parquet, csv or jsonl; else parquet, preferences as jsonl."),
    ] = None,
    files: Annotated[bool, typer.Option("--files", help="The takes' files as well.")] = False,
    as_json: AsJson = False,
) -> None:
    """Its takes, trials, votes, scores, checks and preference pairs, each as a file."""
    with _told(as_json):
        deps = open_deps()
        written = export_folder(
            deps, access.cli_viewer(deps), experiment, to, format=kind, with_files=files,
            on_progress=(lambda line: None) if as_json else say_line,
        )  # fmt: skip
        told = [{"path": str(path), "size_bytes": path.stat().st_size} for path in written.files]
        if as_json:
            _print({"folder": str(to), "files": told, "missing": written.missing})
        else:
            for one in told:
                typer.echo(f"{one['path']} has {one['size_bytes']:,} bytes.")
        fail_with(written.missing)


@app.command("import-votes")
def import_votes(
    experiment: Id,
    file: Annotated[Path, typer.Argument(help="CSV or JSON lines: left, right, choice, rater, at.")],
    criterion: Annotated[str | None, typer.Option(help="The question's id; else the first one's.")] = None,
    as_json: AsJson = False,
) -> None:
    """Keep votes that were given elsewhere: all lines, or none. What is here already counts once."""
    with _told(as_json):
        deps = open_deps()
        done = vote_import.import_votes(
            deps, access.cli_viewer(deps), experiment, _content(file), criterion=criterion
        )
        if as_json:
            return _print({"imported": done.imported, "already": done.already})
        typer.echo(done.words)


@contextmanager
def _told(as_json: bool) -> Iterator[None]:
    """A fault that the caller can put right, as JSON where that is asked for; exit code 1 as always."""
    try:
        yield
    except RequestError as error:
        if not as_json:
            raise
        _print(told_error(error))
        raise typer.Exit(1) from error


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise InvalidRequest({"file": f"{file} can't be read: {error.strerror or error}"}) from error


def _print(value: dict[str, Any]) -> None:
    typer.echo(json.dumps(value, ensure_ascii=False))


def _plan_lines(name: str, priced: PricedPlan) -> Iterator[str]:
    """What a plan comes to, and its first prompts as they are sent."""
    figures = priced.figures
    yield f"{name}: {count_words(figures.cells, 'cell')}, {count_words(figures.takes, 'take')}" + (
        f", {figures.reused:,} of them stored already and free." if figures.reused else "."
    )
    yield _price(figures)
    if figures.usual_s is not None:
        yield f"Usually all are here after {clock(figures.usual_s)}. {figures.power.words}"
    else:
        yield figures.power.words
    yield from (f"Refused: {one.words}" for one in figures.faults)
    prompts = list(dict.fromkeys(one.checked.composed.text for one in priced.cells if one.checked))
    yield f"Prompts as they are sent ({len(prompts):,}):"
    yield from (f"  {shorten(one, PROMPT_CHARS)}" for one in prompts[:PROMPTS_SHOWN])
    if len(prompts) > PROMPTS_SHOWN:
        yield f"  … and {len(prompts) - PROMPTS_SHOWN:,} more"


def _price(figures: PlanFigures) -> str:
    most = f", at most {dollars(figures.at_most_usd)}" if figures.at_most_usd > figures.usd else ""
    unknown = f", and {count_words(figures.unpriced, 'take')} without a price" if figures.unpriced else ""
    refused = f"; {count_words(figures.refused, 'take')} refused, see below" if figures.refused else ""
    return f"Price: {dollars(figures.usd)}{most}{unknown}{refused}."


def _say_status(deps: Deps, experiment: str, *, as_json: bool) -> None:
    viewer = access.cli_viewer(deps)
    found = findings.with_verdict(deps, viewer, view.get_experiment(deps, viewer, experiment))
    if as_json:
        return _print(view.experiment_json(found))
    row, cap = found.experiment, found.experiment.cap_micros
    typer.echo(f"{row.name}: {row.state}" + (f". {row.why}" if row.why else ""))
    told = ", ".join(f"{number:,} {word}" for word, number in found.counts.items() if number)
    typer.echo(f"Takes: {told or 'none'}. Cells: {len(found.cells):,}.")
    spent = dollars(found.spent_micros / 1_000_000)
    typer.echo(f"Spent: {spent}" + (f" of {dollars(cap / 1_000_000)}." if cap is not None else "; no cap."))
    typer.echo(f"Votes: {found.votes:,}. Verdict: {found.verdict['words'].rstrip('.')}.")
