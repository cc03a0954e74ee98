"""Logs: JSON lines on standard error; never a key, a token or a whole payload."""

import faulthandler
import logging
import secrets
import sys

from pythonjsonlogger.json import JsonFormatter

log = logging.getLogger(__name__)


def configure_logging(process: str) -> None:
    """Send this process's logs to standard error as JSON lines, one event each.

    A fault in a library, which ends the process at once, leaves there where each thread was.
    """
    faulthandler.enable()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        JsonFormatter(
            "{asctime}{levelname}{name}{message}",
            style="{",
            rename_fields={"asctime": "at", "levelname": "level", "name": "where", "message": "what"},
            static_fields={"process": process},
            json_ensure_ascii=True,
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    # Nobody asks from which line, thread or process an event comes, and finding out is a third of its cost.
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    for name in ("httpx", "httpcore", "urllib3", "apscheduler", "alembic", "waitress.queue", "fal_client",
                 "procrastinate", "psycopg.pool"):  # fmt: skip
        # httpx logs whole URLs at INFO, APScheduler and Procrastinate every look
        logging.getLogger(name).setLevel(logging.WARNING)


def log_unforeseen(what: str, error: Exception) -> str:
    """Log an error that nobody foresaw, with its traceback under an id; returns what people read of it."""
    error_id = secrets.token_hex(4)
    log.error("%s, unforeseen, %s", what, error_id, exc_info=error)
    return f"Something went wrong here that nobody foresaw; the log has it under the id {error_id}."
