"""The simulator behind a port.

A thread a connection, on werkzeug's own server: hundreds of clients may be left hanging on purpose
without keeping others waiting, and a connection can be closed without an answer.
"""

import logging
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from queue import SimpleQueue
from typing import Any

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from simulator.app import Simulator
from simulator.config import SimulatorConfig

log = logging.getLogger(__name__)

#: How often a process of its own looks whether it was told to stop, in seconds.
LOOK_EVERY_S = 0.2


class _Quiet(WSGIRequestHandler):
    """One line a request is too much: the queue tells what is worth telling."""

    protocol_version = "HTTP/1.1"

    def log(self, type: str, message: str, *args: Any) -> None:
        if type != "info":
            log.warning("event=simulator_http " + message, *args)


@contextmanager
def listening(config: SimulatorConfig, host: str = "127.0.0.1", port: int = 0) -> Iterator[Simulator]:
    """A running simulator, for as long as the block lasts; its `url` tells where (port 0: a free one).

    Raises:
        OSError: the port is taken, or the data folder can't be written.
    """
    with socket.create_server((host, port), backlog=128) as sock:
        bound_host, bound_port = sock.getsockname()[:2]
        sim = Simulator(replace(config, public_url=config.public_url or f"http://{bound_host}:{bound_port}"))
        try:
            how: dict[str, Any] = {"threaded": True, "request_handler": _Quiet, "fd": sock.fileno()}
            server = make_server(bound_host, bound_port, sim.app, **how)
            run = partial(server.serve_forever, 0.05)
            thread = threading.Thread(target=run, name="simulator-http", daemon=True)
            sim.start()
            thread.start()
            try:
                yield sim
            finally:
                _end(server, thread)
        finally:
            sim.close()


def serve(host: str, port: int, config: SimulatorConfig) -> None:
    """Run until SIGINT or SIGTERM; what is under way goes on after the next start. Raises as `listening`."""
    told: SimpleQueue[int] = SimpleQueue()  # unlike an event, made to be called from a handler
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: told.put(number))
    with listening(config, host, port) as sim:
        log.info("event=simulator_ready url=%s data=%s", sim.url, config.data_dir)
        while told.empty():  # asked for, not waited for: a signal that comes just before a wait ends none
            time.sleep(LOOK_EVERY_S)
    log.info("event=simulator_stopped")


def _end(server: BaseWSGIServer, thread: threading.Thread) -> None:
    server.shutdown()
    thread.join(10)
    with suppress(OSError):
        server.server_close()
