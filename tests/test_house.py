"""The house: small files in small folders, nothing on import, no path of a machine. Imports: `make lint`."""

import ast
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
BACKEND = sorted([*(ROOT / "backend").rglob("*.py"), *(ROOT / "simulator").rglob("*.py")])
PAGES = sorted((ROOT / "pages").rglob("*.py"))

#: No module is longer; who wants to be, has two subjects.
LINES = 300

#: No function is longer.
FUNCTION_LINES = 50
#: No folder holds more files: who wants to find a room, reads the names on the doors.
FILES = 15
#: Of public functions and methods so many may have a name of one word, and no docstring.
ONE_WORD_SHARE, SILENT_SHARE = 0.25, 0.05


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imports(path: Path) -> Iterator[str]:
    """Every name that a file imports, wherever in it, as a.b.c."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def within(name: str, wholes: set[str]) -> bool:
    return any(f"{name}.".startswith(f"{whole}.") for whole in wholes)


# -- pages ------------------------------------------------------------------------------------


def test_no_page_stands_where_it_would_answer_without_the_frame():
    assert [path.name for path in (ROOT / "pages").glob("*.py")] == ["frame.py"]


# -- size -------------------------------------------------------------------------------------


def test_no_module_has_grown_too_long():
    long = {
        name_of(path): lines
        for path in [*BACKEND, *PAGES]
        if "versions" not in path.parts and (lines := len(path.read_text().splitlines())) > LINES
    }

    assert long == {}


def test_no_folder_of_the_program_holds_more_files_than_can_be_overlooked():
    files = [path for root in ("backend", "pages", "simulator") for path in (ROOT / root).rglob("*.*")]
    counted = Counter(path.parent for path in files if path.is_file() and path.suffix != ".pyc")

    assert {
        str(folder.relative_to(ROOT)): number for folder, number in counted.items() if number > FILES
    } == {}


def test_a_package_says_what_it_is_for_and_does_nothing_else():
    """models re-exports its tables: one import for all."""
    packages = [path for path in [*BACKEND, *PAGES] if path.name == "__init__.py"]
    busy = [
        name_of(path)
        for path in packages
        if name_of(path) not in ("backend", "backend.models") and len(ast.parse(path.read_text()).body) > 1
    ]

    assert len(packages) > 20
    assert busy == []


def public_functions() -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """(module, function) for every public function and method of the program."""
    for path in [*BACKEND, *PAGES]:
        if "versions" in path.parts:
            continue
        tree = ast.parse(path.read_text())
        open_classes = [n for n in tree.body if isinstance(n, ast.ClassDef) and not n.name.startswith("_")]
        for node in [child for holder in (tree, *open_classes) for child in holder.body]:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_"):
                yield name_of(path), node


def test_public_functions_have_docstrings_and_names_of_more_than_one_word():
    """One word is for what everybody calls so: get, open, close, run, start, stop …"""
    found = list(public_functions())
    one_word = [f"{module}.{node.name}" for module, node in found if "_" not in node.name]
    silent = [f"{module}.{node.name}" for module, node in found if not ast.get_docstring(node)]

    assert len(found) > 500
    assert len(one_word) <= len(found) * ONE_WORD_SHARE, sorted(one_word)
    assert len(silent) <= len(found) * SILENT_SHARE, sorted(silent)


def test_no_function_has_grown_too_long():
    long = [
        (name_of(path), node.name)
        for path in [*BACKEND, *PAGES]
        if "versions" not in path.parts
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno
        and node.end_lineno - node.lineno >= FUNCTION_LINES
    ]

    assert long == []


def test_one_broad_except_stands_around_one_jobs_step():
    broad = [
        name_of(path)
        for path in [*BACKEND, *PAGES]
        if not within(name_of(path), {"simulator"})
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or (isinstance(node.type, ast.Name) and node.type.id == "Exception"))
    ]

    assert broad == ["backend.services.lifecycle.dispatch"]


def test_every_module_says_its_subject():
    silent = [
        name_of(path)
        for path in [*BACKEND, *PAGES, *ROOT.glob("*.py")]
        if not ast.get_docstring(ast.parse(path.read_text()))
    ]

    assert silent == []


def test_what_the_type_checker_is_told_to_pass_over_has_a_code_and_a_reason():
    code = [*BACKEND, *PAGES, *ROOT.glob("*.py"), *(ROOT / "benchmarks").glob("*.py")]
    bare = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in code
        for line in path.read_text().splitlines()
        if "# type: ignore" in line and not re.search(r"# type: ignore\[[a-z,-]+\]  # \w", line)
    ]

    assert bare == []


# -- nothing on import ------------------------------------------------------------------------

WATCHED_IMPORT = """
import importlib, json, os, pkgutil, sys, threading

did, read, importing = [], set(), ["?"]
FORBIDDEN = ("socket.connect", "socket.bind", "socket.getaddrinfo", "sqlite3.connect", "subprocess.Popen",
             "os.system", "os.mkdir", "os.remove", "os.rename")

def watch(event, arguments):
    writes = event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wxa+")
    if event in FORBIDDEN or writes:
        did.append((importing[0], event, str(arguments[0])[:200]))

def no_thread(self):
    did.append((importing[0], "thread", self.name))

whole_look = os._Environ.__getitem__

def look(self, name):
    frame = sys._getframe(1)
    while frame.f_code.co_filename.endswith(("os.py", "_collections_abc.py", "<frozen os>", "abc>")):
        frame = frame.f_back
    if os.sep + "backend" + os.sep in frame.f_code.co_filename:
        read.add(name)
    return whole_look(self, name)

import urllib3  # binds a socket once, to see whether there is IPv6
import backend
names = ["backend"] + [m.name for m in pkgutil.walk_packages(backend.__path__, "backend.")
                       if ".migrations." not in m.name]
sys.addaudithook(watch)
threading.Thread.start = no_thread
os._Environ.__getitem__ = look
for name in names:
    importing[0] = name
    importlib.import_module(name)
os._Environ.__getitem__ = whole_look
print(json.dumps({"names": len(names), "did": did, "read": sorted(read)}))
"""


def test_importing_the_backend_opens_starts_and_reads_nothing():
    done = subprocess.run(
        [sys.executable, "-B", "-c", WATCHED_IMPORT], cwd=ROOT, capture_output=True, text=True, timeout=60
    )

    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["names"] > 60
    assert seen["did"] == []
    assert seen["read"] == []


def test_only_settings_reads_the_environment():
    """The others hand an environment on to the processes that they start."""
    readers = {
        name_of(path)
        for path in [*BACKEND, *PAGES]
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
        and node.attr in ("environ", "getenv", "environb")
        and isinstance(node.value, ast.Name)
        and node.value.id == "os"
    }

    assert readers <= {"backend.cli", "backend.media.decode.sandbox", "simulator.paint.painter"}


# -- what the pages are made of ---------------------------------------------------------------


def test_every_option_of_streamlit_that_we_set_is_known_to_it():
    look = "from streamlit import config; print(config.get_option('runner.magicEnabled'))"
    done = subprocess.run([sys.executable, "-c", look], cwd=ROOT, capture_output=True, text=True, timeout=60)

    assert done.stdout.strip() == "False"
    assert "not a valid config option" not in done.stderr


def test_neither_pages_nor_components_make_markup_from_data():
    ways = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|unsafe_allow_html")
    code = [*PAGES, *(ROOT / "pages").rglob("*.js")]

    assert len(code) > len(PAGES) + 3
    assert [name_of(path) for path in code if ways.search(path.read_text())] == []


# -- the repository ---------------------------------------------------------------------------

#: Folders that are no part of the repository.
NOT_OURS = {".git", ".venv", "data", "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache"}
NOT_OURS |= {".hypothesis", "test-results"}
#: A folder of somebody's own machine.
MACHINE_PATH = re.compile(r"(?<![\w.}/-])/(?:work|home|Users|root)/\w")


def texts() -> Iterator[tuple[Path, str]]:
    """Every text file of the repository."""
    for path in sorted(ROOT.rglob("*")):
        if path.is_file() and not NOT_OURS & set(path.relative_to(ROOT).parts) and path.name != ".env":
            try:
                yield path, path.read_text()
            except UnicodeDecodeError:
                continue


def test_no_file_holds_the_path_of_a_machine():
    holding = [str(path.relative_to(ROOT)) for path, text in texts() if MACHINE_PATH.search(text)]

    assert holding == []


def test_every_test_that_the_docs_name_is_there():
    named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", (ROOT / "docs" / "reliability.md").read_text())

    assert len(named) > 20
    assert [name for file, name in named if f"def {name}(" not in (ROOT / file).read_text()] == []
