"""The house: small files in small folders, nothing on import, no path of a machine. The rest: `make lint`."""

import ast
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).parents[1]
#: Every module is shorter, in lines; who wants to be longer, has two subjects.
LINES = 300
#: Every function is shorter.
FUNCTION_LINES = 50
#: No folder holds more files: who wants to find a room, reads the names on the doors.
FILES = 15
#: Of public functions and methods so many may have a name of one word, and no docstring.
ONE_WORD_SHARE, SILENT_SHARE = 0.25, 0.05
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True)
class Module:
    """A file of Python."""

    path: Path

    @property
    def name(self) -> str:
        return ".".join(self.path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")

    @cached_property
    def text(self) -> str:
        return self.path.read_text()

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)


ROOMS = [ROOT / name for name in ("backend", "simulator", "pages")]
ALL = [Module(path) for room in ROOMS for path in sorted(room.rglob("*.py"))]
#: Migrations are kept as they were written.
CODE = [module for module in ALL if "versions" not in module.path.parts]


def test_no_page_stands_where_it_would_answer_without_the_frame():
    assert [path.name for path in (ROOT / "pages").glob("*.py")] == ["frame.py"]


def test_migrations_follow_one_another_in_the_order_of_their_names():
    steps = [module for module in ALL if "versions" in module.path.parts]
    said = [
        re.findall(r'^(?:down_)?revision = (?:"(.*)"|None)$', module.text, re.MULTILINE) for module in steps
    ]
    assert [after for _, after in said] == ["", *[name for name, _ in said[:-1]]]
    assert [name[:4] for name, _ in said] == [module.path.stem[:4] for module in steps]


# -- size -------------------------------------------------------------------------------------


def test_no_module_and_no_function_has_grown_too_long():
    assert [module.name for module in CODE if module.text.count("\n") >= LINES] == []
    assert [
        (module.name, node.name)
        for module in CODE
        for node in ast.walk(module.tree)
        if isinstance(node, FUNCTIONS) and node.end_lineno - node.lineno + 1 >= FUNCTION_LINES
    ] == []


def test_no_folder_of_the_program_holds_more_files_than_can_be_overlooked():
    files = [path for room in ROOMS for path in room.rglob("*.*")]
    counted = Counter(path.parent for path in files if path.is_file() and path.suffix != ".pyc")

    assert {str(folder): number for folder, number in counted.items() if number > FILES} == {}


def test_a_package_says_what_it_is_for_and_does_nothing_else():
    """models re-exports its tables, and science its face as a library: one import for all."""
    packages = [module for module in CODE if module.path.name == "__init__.py"]
    busy = [package.name for package in packages if len(package.tree.body) > 1]

    assert len(packages) > 20
    assert set(busy) <= {"backend", "backend.models", "backend.science"}


def public_functions() -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """(name with its module, function) for every public function and method of the program."""
    for module in CODE:
        classes = [node for node in module.tree.body if isinstance(node, ast.ClassDef)]
        holders = [module.tree, *(node for node in classes if not node.name.startswith("_"))]
        for node in [child for holder in holders for child in holder.body]:
            if isinstance(node, FUNCTIONS) and not node.name.startswith("_"):
                yield f"{module.name}.{node.name}", node


def test_public_functions_have_docstrings_and_names_of_more_than_one_word():
    """One word is for what everybody calls so: get, open, close, run, start, stop …"""
    found = list(public_functions())
    one_word = [name for name, node in found if "_" not in node.name]
    silent = [name for name, node in found if not ast.get_docstring(node)]

    assert len(found) > 500
    assert len(one_word) <= len(found) * ONE_WORD_SHARE, sorted(one_word)
    assert len(silent) <= len(found) * SILENT_SHARE, sorted(silent)


def test_broad_excepts_stand_around_one_jobs_step_and_one_experiments_wave_alone():
    catching = re.compile(r"^ *except( Exception\b.*)?:", re.MULTILINE)
    broad = [module.name for module in ALL for _ in catching.finditer(module.text)]
    broad = [name for name in broad if not name.startswith("simulator.")]

    assert broad == ["backend.services.experiments.waves", "backend.services.lifecycle.dispatch"]


def test_what_the_type_checker_is_told_to_pass_over_has_a_code_and_a_reason():
    others = [*ROOT.glob("*.py"), *(ROOT / "benchmarks").glob("*.py")]
    told = [line for module in [*ALL, *map(Module, others)] for line in module.text.splitlines()]

    assert [
        line
        for line in told
        if "# type: ignore" in line and not re.search(r"# type: ignore\[[a-z,-]+\]  # \w", line)
    ] == []


# -- nothing on import ------------------------------------------------------------------------

WATCHED_IMPORT = """
import importlib, json, pkgutil, sys, threading

did, importing = [], ["?"]
FORBIDDEN = ("socket.connect", "socket.bind", "socket.getaddrinfo", "sqlite3.connect", "subprocess.Popen",
             "os.system", "os.mkdir", "os.remove", "os.rename")

def watch(event, arguments):
    writes = event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wxa+")
    if event in FORBIDDEN or writes:
        did.append((importing[0], event, str(arguments[0])[:200]))

def no_thread(self):
    did.append((importing[0], "thread", self.name))

import urllib3  # binds a socket once, to see whether there is IPv6
import backend
names = ["backend"] + [m.name for m in pkgutil.walk_packages(backend.__path__, "backend.")
                       if ".migrations." not in m.name]
sys.addaudithook(watch)
threading.Thread.start = no_thread
for name in names:
    importing[0] = name
    importlib.import_module(name)
print(json.dumps({"names": len(names), "did": did}))
"""


def run_python(code: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-B", "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60
    )


def test_importing_the_backend_opens_and_starts_nothing():
    done = run_python(WATCHED_IMPORT)

    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["names"] > 60
    assert seen["did"] == []


# -- what the pages are made of ---------------------------------------------------------------


def test_every_option_of_streamlit_that_we_set_is_known_to_it():
    done = run_python("from streamlit import config; print(config.get_option('runner.magicEnabled'))")

    assert done.stdout.strip() == "False"
    assert "not a valid config option" not in done.stderr


def test_neither_pages_nor_components_make_markup_from_data():
    ways = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|unsafe_allow_html")
    code = [path for path in (ROOT / "pages").rglob("*.*") if path.suffix in (".py", ".js")]

    assert Counter(path.suffix for path in code)[".js"] > 3
    assert [path.name for path in code if ways.search(path.read_text())] == []


# -- the repository ---------------------------------------------------------------------------

#: Folders that are no part of the repository.
NOT_OURS = {".git", ".venv", ".env", "data", "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache"}
NOT_OURS |= {".hypothesis", "test-results"}
#: A folder of somebody's own machine.
MACHINE_PATH = re.compile(r"(?<![\w.}/-])/(?:work|home|Users|root)/\w")


def test_no_file_holds_the_path_of_a_machine():
    ours = [
        path
        for path in sorted(ROOT.rglob("*"))
        if path.is_file() and not NOT_OURS & set(path.relative_to(ROOT).parts)
    ]

    assert len(ours) > 300
    assert [path for path in ours if MACHINE_PATH.search(path.read_text(errors="replace"))] == []


def test_every_test_that_the_docs_name_is_there():
    named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", (ROOT / "docs" / "reliability.md").read_text())

    assert len(named) > 20
    assert [name for file, name in named if f"def {name}(" not in (ROOT / file).read_text()] == []
