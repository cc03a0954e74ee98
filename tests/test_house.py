"""The house: imports point down, nothing happens on import, files stay small and say nothing of a machine."""

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BACKEND = sorted([*(ROOT / "backend").rglob("*.py"), *(ROOT / "simulator").rglob("*.py")])
PAGES = sorted((ROOT / "pages").rglob("*.py"))

#: layer -> the layers below that it may import
LAYERS = {
    "backend.domain": set(),
    "backend.models": {"domain"},
    "backend.settings": {"domain", "secret_files", "addresses"},
    "backend.addresses": set(),
    "backend.secret_files": set(),
    "backend.http": set(),
    "backend.logs": set(),
    "backend.store": {"models", "domain"},
    "backend.providers": {"http", "models", "domain"},
    "backend.media": {"models", "domain"},
    "backend.services": {"store", "providers", "media", "http", "models", "domain", "settings"},
    "backend.work": {"services", "models", "domain"},
    "backend.web": {"services", "models", "domain", "settings"},
    "simulator": set(),
    "pages": {"services", "models", "domain"},
}

#: Values that are passed around everywhere, although they live with those who make them.
VALUES = {"backend.store.gallery.Filter", "backend.providers.catalog.VideoModel"}

#: (who, what) -> why it may, although its layer may not
DOORS = {
    ("backend.web.serve", "backend.bootstrap"): "starts the sidecar",
    ("backend.web.serve", "backend.logs"): "starts the sidecar",
    ("backend.work.embedded", "backend.store.jobs"): "asks which rows are due",
    ("backend.work.embedded", "backend.store.queue.FETCHING"): "which looks move files",
    ("backend.work.worker", "backend.store.jobs"): "hands claims back",
    ("backend.work.carrier", "backend.store.queue.Queue"): "puts tasks in",
    ("backend.work.carrier", "backend.store.arrivals.Waking"): "the same, as a part of a statement",
    ("backend.work.distributed", "backend.store.queue"): "forgets tasks of the dead",
    ("backend.work.distributed", "backend.store.duty"): "one host sweeps at a time",
    ("backend.work.distributed", "backend.store.postgres"): "the queues have connections of their own",
    ("pages.ui.context", "backend.bootstrap"): "makes the dashboard's deps, once",
}

#: layer -> what it may use of other people's
LIBRARIES = {
    "backend.domain": set(),
    "backend.models": {"sqlmodel", "sqlalchemy"},
    "backend.settings": {"pydantic", "pydantic_settings"},
    "backend.secret_files": {"pydantic", "pydantic_settings"},
    "backend.addresses": set(),
    "backend.http": {"requests", "urllib3"},
    "backend.logs": {"pythonjsonlogger"},
    "backend.store": {"sqlmodel", "sqlalchemy", "alembic", "filelock"},
    "backend.providers": {"fal_client", "httpx", "requests", "cryptography", "jsonschema"},
    "backend.media": {"requests", "av", "PIL", "certifi", "boto3", "botocore"},
    "backend.services": {"sqlmodel", "sqlalchemy"},
    "backend.work": {"apscheduler", "sqlalchemy", "sqlmodel"},
    "backend.web": {"flask", "werkzeug", "starlette", "waitress", "prometheus_client", "sqlalchemy"},
    "simulator": {"flask", "werkzeug", "av", "PIL", "numpy", "cryptography", "requests"},
    "pages": {"streamlit"},
}

#: module -> libraries that it uses besides, and why it must
LIBRARY_DOORS = {
    "backend.work.distributed": {"procrastinate", "psycopg", "psycopg_pool"},
    "backend.store.queue_schema": {"procrastinate"},  # brings its tables along
    "backend.media.s3_client": {"urllib3"},  # one of its errors comes through botocore as it is
    "backend.services.doctor": {"requests"},  # tries the public address from outside
    "backend.services.template": {"jinja2"},  # the prompt template's language
}

#: No module of the backend is longer; who wants to be, has two subjects.
LINES = 300
#: module -> how long it is all the same
LONG = {
    "backend.models": 390,
    "backend.providers.fal": 330,
    "backend.store.jobs": 305,
    "backend.settings": 315,
}

#: No function is longer.
FUNCTION_LINES = 50


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def layer_of(name: str) -> str | None:
    return next((layer for layer in LAYERS if f"{name}.".startswith(f"{layer}.")), None)


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


def allowed(path: Path, name: str) -> bool:
    """May this file import this name of ours?"""
    me, layer = name_of(path), layer_of(name_of(path))
    if layer is None:  # app, bootstrap, cli: they know everyone
        return True
    below = {f"backend.{part}" for part in LAYERS[layer]}
    doors = {what for who, what in DOORS if who == me}
    return within(name, below | {layer} | VALUES | doors)


# -- imports ----------------------------------------------------------------------------------


@pytest.mark.parametrize("layer", sorted(LAYERS))
def test_imports_point_down(layer):
    mine = [path for path in [*BACKEND, *PAGES] if layer_of(name_of(path)) == layer]
    up = [
        (name_of(path), name)
        for path in mine
        for name in imports(path)
        if name.split(".")[0] in ("backend", "pages", "simulator", "tests", "app") and not allowed(path, name)
    ]

    assert mine
    assert up == []


@pytest.mark.parametrize("layer", sorted(LIBRARIES))
def test_each_layer_uses_its_own_libraries_alone(layer):
    foreign = [
        (name_of(path), top)
        for path in [*BACKEND, *PAGES]
        if layer_of(name_of(path)) == layer
        for top in {name.split(".")[0] for name in imports(path)}
        if top not in sys.stdlib_module_names
        and top not in ("backend", "pages", "simulator")
        and top not in LIBRARIES[layer] | LIBRARY_DOORS.get(name_of(path), set())
    ]

    assert foreign == []


def test_store_providers_and_media_never_import_each_other():
    """Said in the drawing above as well; this is here so that nobody redraws it by accident."""
    three = {"store", "providers", "media"}

    assert all(not LAYERS[f"backend.{layer}"] & (three - {layer}) for layer in three)


def test_only_the_dashboard_knows_streamlit():
    knowing = [
        name_of(path) for path in BACKEND if any(within(name, {"streamlit"}) for name in imports(path))
    ]

    assert knowing == []


def test_every_door_in_a_wall_is_still_used():
    used = {(name_of(path), name) for path in [*BACKEND, *PAGES] for name in imports(path)}

    unused = [
        door for door in DOORS if not any(who == door[0] and within(name, {door[1]}) for who, name in used)
    ]
    assert unused == []


# -- pages ------------------------------------------------------------------------------------


def test_no_page_stands_where_it_would_answer_without_the_frame():
    assert [path.name for path in (ROOT / "pages").glob("*.py")] == ["frame.py"]


# -- size -------------------------------------------------------------------------------------


def test_no_module_of_the_backend_has_grown_too_long():
    long = {
        name_of(path): lines
        for path in BACKEND
        if "versions" not in path.parts
        and (lines := len(path.read_text().splitlines())) > LONG.get(name_of(path), LINES)
    }

    assert long == {}


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

    assert broad == ["backend.services.step"]


def test_every_module_says_its_subject():
    silent = [
        name_of(path)
        for path in [*BACKEND, *PAGES, *ROOT.glob("*.py")]
        if not ast.get_docstring(ast.parse(path.read_text()))
    ]

    assert silent == []


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

    assert readers <= {"backend.cli", "backend.media.child", "simulator.painter"}


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


@pytest.mark.parametrize("file", ["requirements.txt", "requirements-dev.txt"])
def test_every_requirement_is_pinned_and_says_why_it_is_here(file):
    lines = [line for line in (ROOT / file).read_text().splitlines() if line.strip()]
    named = [line for line in lines if not line.startswith(("#", "-r "))]

    loose = [
        line
        for line in named
        if not re.fullmatch(r"[a-z0-9-]+(\[[a-z]+\])?==[0-9][0-9a-z.]* +# \S.{8,}", line)
    ]
    assert named
    assert loose == []


def test_no_requirement_is_named_twice():
    named = re.findall(r"^([a-z0-9-]+)==", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    named += re.findall(r"^([a-z0-9-]+)==", (ROOT / "requirements-dev.txt").read_text(), re.MULTILINE)

    assert len(named) == len(set(named))
