"""Work on files that come from outside, done in a child process with limits and without secrets.

A decoder that meets a hostile file may loop, eat all memory or crash; here it takes nobody with it.
One small server process imports the decoders once and forks a child for each call, so a call costs
milliseconds, and the caller's threads, database and environment are never inherited. The server
belongs to a session of its own (Ctrl-C in a terminal doesn't reach it) and ends when its owner does.

Requests and answers are JSON: what comes back from a child is data, never code.
"""

import atexit
import contextlib
import importlib
import json
import os
import resource
import signal
import socket
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from typing import Any

from backend.domain.errors import MediaUnreachable, StorageFull
from backend.domain.shape import load_json
from backend.media.decode.sandbox_server import Server

#: Where the modules are that run in a child.
CHILD_PACKAGE = "backend.media.decode.in_child"
#: What children work with, imported once in the server.
PRELOAD = tuple(
    f"{CHILD_PACKAGE}.{module}" for module in ("video", "preview", "playable", "photo", "frames", "measure")
)
#: Address space of a child: decoding 4K takes about 0.5 GB.
MEMORY_MAX_BYTES = 2 * 1024**3
#: No poster, preview or photo is larger; a child that writes more has gone mad.
FILE_MAX_BYTES = 256 * 1024**2
#: Open files of a child: the one it reads, the one it writes, and the decoders' own.
MAX_OPEN_FILES = 32
#: An answer is a handful of numbers.
ANSWER_MAX_BYTES = 65536
#: How long a new server may take to import the decoders and begin; a cold disk takes seconds.
START_TIMEOUT_S = 30.0
#: What is said of a container without a video in it.
NO_VIDEO = "it holds no video"
#: What is said of a file whose reading was stopped.
TOO_LONG, TOO_MUCH_MEMORY = "checking it took too long", "reading it takes more memory than a file is given"
CRASHED = "it crashes the program that reads it"


class RejectedFile(Exception):
    """The file is not what it should be; the text says why, for a person."""


class UnfinishedTask(RejectedFile):
    """It took too long or crashed: the file's fault, or that of a machine that does much else."""


def run_task(
    task: str,
    timeout_s: float,
    *,
    memory_bytes: int = MEMORY_MAX_BYTES,
    on_progress: Callable[[float], None] | None = None,
    **arguments: Any,
) -> Any:
    """Call `module:function` with JSON arguments in a child, and return its JSON result.

    timeout_s: wall clock, and the child's CPU time as well; then the child is killed.
    memory_bytes: how much address space it may take.
    on_progress: is called with the share of the work that is done, as the function reports it.

    Raises:
        RejectedFile: the function said so, or the child needed too much memory.
        UnfinishedTask: the child crashed, or took too long.
        StorageFull: the child could not write what it made.
        MediaUnreachable: no child could be started here now.
    """
    limits = {"timeout_s": timeout_s, "memory_bytes": memory_bytes}
    request = json.dumps({"task": task, "arguments": arguments, **limits}).encode()
    for _ in range(2):
        with _server.call() as channel:
            answer = _exchange(channel, request, timeout_s, on_progress)
        if answer is not None:
            return _outcome(answer)
        _server.close()  # it died between two calls; the next one starts another
    raise MediaUnreachable("The process that checks files can't be started on this machine now.")


def warm_up() -> None:
    """Start the server now, so that the first call is as quick as the others."""
    run_task("os:getpid", START_TIMEOUT_S)


def _exchange(
    channel: socket.socket, request: bytes, timeout_s: float, on_progress: Callable[[float], None] | None
) -> dict[str, Any] | None:
    """Send the request, and wait for the answer; None: there is no server to ask."""
    channel.settimeout(START_TIMEOUT_S)
    try:
        channel.sendall(request + b"\n")
        if channel.recv(1) != b"+":
            return None
    except OSError:
        return None
    until = time.monotonic() + timeout_s + 1
    lines = _lines(channel, until)
    while True:
        try:
            answer = next(lines)
        except (OSError, ValueError, StopIteration):
            late = time.monotonic() >= until - 1.05
            return {"unfinished": TOO_LONG if late else CRASHED}
        if not (isinstance(answer, dict) and "progress" in answer):
            return answer if isinstance(answer, dict) else {}
        if on_progress is not None and isinstance(share := answer["progress"], int | float):
            on_progress(min(1.0, max(0.0, share)))


def _lines(channel: socket.socket, until: float) -> Iterator[Any]:
    """What a child says, line by line. OSError, ValueError: it says nothing that can be read."""
    text = b""
    while len(text) <= ANSWER_MAX_BYTES:
        channel.settimeout(max(0.001, until - time.monotonic()))
        chunk = channel.recv(ANSWER_MAX_BYTES)
        if not chunk:
            return
        *whole, text = (text + chunk).split(b"\n")
        yield from map(load_json, whole)


def _outcome(answer: dict[str, Any]) -> Any:
    if "errno" in answer:
        code = int(answer["errno"])
        raise StorageFull(f"Our own storage will not take the file: {os.strerror(code)}.")
    if "unfinished" in answer:
        raise UnfinishedTask(str(answer["unfinished"])[:500])
    if "unfit" in answer:
        raise RejectedFile(str(answer["unfit"])[:500])
    return answer.get("result")


_server = Server(f"from {__name__} import serve; serve()")
atexit.register(_server.close)


# -- in a child ---------------------------------------------------------------------------------

#: The least step of a progress that is told.
PROGRESS_STEP = 0.02
_to_owner: socket.socket | None = None
_reported = 0.0


def report_progress(share: float) -> None:
    """Tell the owner which share of the work is done, from 0 to 1; outside a child nobody hears it."""
    global _reported
    if _to_owner is not None and share >= _reported + PROGRESS_STEP:
        _reported = share
        _to_owner.sendall(json.dumps({"progress": share}).encode() + b"\n")


# -- in the server process ----------------------------------------------------------------------


def serve() -> None:
    """Fork a child for every channel that arrives on standard input, until its other end closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps: no child stays a zombie
    for name in PRELOAD:
        importlib.import_module(name)
    with socket.socket(fileno=0) as control:
        while True:
            _, handles, _, _ = socket.recv_fds(control, 1, 1)
            if not handles:
                return
            try:
                child = os.fork() == 0
            except OSError:  # no memory, or too many processes: the closed channel says so
                child = False
            if child:
                _child(control, handles[0])
            os.close(handles[0])


def _child(control: socket.socket, handle: int) -> None:
    """Do one request, and end, whatever happens."""
    global _to_owner
    try:
        control.close()
        with socket.socket(fileno=handle) as channel:
            request = load_json(channel.makefile("rb").readline())
            _confine(float(request["timeout_s"]), int(request["memory_bytes"]))
            _to_owner = channel
            channel.sendall(b"+")
            threading.Thread(target=_end_with_owner, args=(channel,), daemon=True).start()
            channel.sendall(json.dumps(_do(request)).encode() + b"\n")
    except BaseException:
        traceback.print_exc()  # a fault of ours: the owner sees a crash, the log says where
    finally:
        os._exit(0)


def _do(request: dict[str, Any]) -> dict[str, Any]:
    module, _, function = request["task"].partition(":")
    try:
        return {"result": getattr(importlib.import_module(module), function)(**request["arguments"])}
    except RejectedFile as error:
        return {"unfit": str(error)}
    except MemoryError:
        return {"unfit": TOO_MUCH_MEMORY}
    except OSError as error:
        return {"errno": error.errno or 5}


def _confine(timeout_s: float, memory_bytes: int) -> None:
    """Limits that the kernel keeps, whatever the code in here is brought to do."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, timeout_s)
    seconds = 2 * int(timeout_s) + 1  # of all threads together
    for limit, value in (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, FILE_MAX_BYTES),
        (resource.RLIMIT_NOFILE, MAX_OPEN_FILES),
        (resource.RLIMIT_CORE, 0),
    ):
        with contextlib.suppress(ValueError, OSError):  # a system that allows even less
            resource.setrlimit(limit, (value, value))


def _end_with_owner(channel: socket.socket) -> None:
    """Nobody waits for the answer any more: the caller gave up, or died."""
    with contextlib.suppress(OSError):
        channel.recv(1)
    os._exit(0)
