"""A fit uses one core. Its matrices are small: threads of the linear algebra would wait for each other more
than they compute, on a busy machine ten to a hundred times as long, and they would take the other cores from
whoever else works there."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from threadpoolctl import ThreadpoolController


@cache
def _controller() -> ThreadpoolController:
    import numpy  # noqa: F401  (its linear algebra has to be loaded before it can be found)

    return ThreadpoolController()


@contextmanager
def one_core() -> Iterator[None]:
    """Linear algebra computes in the calling thread meanwhile. Where two threads end at once, the limit may
    stay: harmless, as nothing else here wants more."""
    with _controller().limit(limits=1, user_api="blas"):
        yield
