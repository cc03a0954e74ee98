"""Modules compiled before the workers begin: each would do it for itself, and all at the same moment.

And read for the numbers and texts in them, which Hypothesis tries first: it keeps them as files, too.
"""

import contextlib
import hashlib
import os
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

import pytest
from _pytest.assertion import rewrite

ROOT = Path(__file__).parents[1]
ROOMS = ("backend", "pages", "simulator", "tests")


def compile_for_workers(config: pytest.Config) -> None:
    """Once, on all cores; what is compiled already is left. A module that can't be, its own test tells."""
    if sys.dont_write_bytecode:
        return
    files = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
    cores = len(os.sched_getaffinity(0))
    for child in [_child(config, files[number::cores]) for number in range(cores)]:
        os.waitpid(child, 0)


def _child(config: pytest.Config, files: list[Path]) -> int:
    child = os.fork()
    if not child:
        try:
            for path in files:
                with contextlib.suppress(SyntaxError, OSError):
                    _compile(config, path)
                    if path.relative_to(ROOT).parts[0] != "tests":
                        _read_constants(path)
        finally:
            os._exit(0)
    return child


def _compile(config: pytest.Config, path: Path) -> None:
    """As importing it does: asserts of tests are rewritten, and stand in files of pytest's own."""
    if not (path.name.startswith("test_") or path.name == "conftest.py"):
        SourceFileLoader(path.stem, str(path)).get_code(path.stem)
        return
    kept = rewrite.get_cache_dir(path) / f"{path.stem}{rewrite.PYC_TAIL}"
    if rewrite.try_makedirs(kept.parent) and rewrite._read_pyc(path, kept) is None:
        source, code = rewrite._rewrite_test(path, config)
        rewrite._write_pyc(config.stash[rewrite.assertstate_key], code, source, kept)


def _read_constants(path: Path) -> None:
    """As Hypothesis does for the first test of its kind, of every module that is loaded by then."""
    name = hashlib.sha1(path.read_bytes(), usedforsecurity=False).hexdigest()[:16]
    if not Path(".hypothesis/constants", name).exists():
        from hypothesis.internal.constants_ast import constants_from_module

        module = ModuleType(path.stem)
        module.__file__ = str(path)
        constants_from_module(module)
