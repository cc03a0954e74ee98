"""Serves the sidecar with waitress until SIGINT or SIGTERM."""

import gc
import logging
import signal
import sys
import threading
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

import waitress

from backend import logs
from backend.bootstrap import open_deps
from backend.domain.errors import KeysUnavailable, SettingsError
from backend.services.deps import Deps
from backend.web.app import BODY_MAX_BYTES, create_app

log = logging.getLogger(__name__)

#: Stalled clients cost a socket each, not a thread: with these, 200 of them block nobody.
CONNECTION_LIMIT = 2000
CHANNEL_TIMEOUT_S = 20
#: So much of an answer waits for its reader before its thread does: more than any answer but files has.
UNSENT_MAX_BYTES = 1024 * 1024
#: Requests are short; more threads only make writers wait for one another.
THREADS = 16
#: How long a thread may keep the interpreter while others wait. One that comes back from the disk holds
#: the write lock: with Python's usual 5 ms everybody waits for it to get its turn.
SWITCH_INTERVAL_S = 0.0005


def main() -> int:
    """Start the sidecar from the environment's settings; returns the exit code."""
    logs.configure_logging("sidecar")
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    try:
        deps = open_deps()
        server = create_server(deps)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 1
    log.info("sidecar listens", extra={"host": deps.settings.host, "port": deps.settings.port})
    gc.freeze()  # what was made at the start stays: the collector need not go through it again and again
    threading.Thread(target=_warm, args=(deps,), daemon=True).start()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _leave)
    try:
        server.run()  # returns after SystemExit, its requests in hand answered
    finally:
        server.close()
        deps.store.close()
    return 0


def create_server(deps: Deps) -> Any:
    """A waitress server that has its port; SettingsError: it is taken, or the address is not ours."""
    settings = deps.settings
    try:
        return waitress.create_server(
            create_app(deps),
            host=settings.host,
            port=settings.port,
            threads=THREADS,
            connection_limit=CONNECTION_LIMIT,
            channel_timeout=CHANNEL_TIMEOUT_S,
            max_request_body_size=BODY_MAX_BYTES + 65536,
            ident=None,
            outbuf_high_watermark=UNSENT_MAX_BYTES,
            outbuf_overflow=16 * UNSENT_MAX_BYTES,  # never on the disk
            # From where somebody comes stands in the audit, and decides nothing.
            trusted_proxy="*" if settings.forwarded_allow_ips.strip() == "*" else "127.0.0.1",
            trusted_proxy_headers={"x-forwarded-for"},
            clear_untrusted_proxy_headers=True,
            # The path of PUBLIC_URL, as WSGI spells it: a proxy may send it along or take it off.
            url_prefix=unquote_to_bytes(urlsplit(settings.public_url).path).decode("latin-1"),
        )
    except OSError as error:
        raise SettingsError(
            f"The sidecar can't listen on {settings.host}:{settings.port} ({error.strerror or error}).\n"
            "  PORT: stop what uses it, or set another one; HOST: an address of this machine"
        ) from error


def _warm(deps: Deps) -> None:
    """Have the providers' keys at hand before the first delivery."""
    for provider in deps.providers.values():
        try:
            provider.load_signing_keys()
        except KeysUnavailable as error:
            log.warning("no keys yet", extra={"why": str(error)})


def _leave(*_: object) -> None:
    raise SystemExit(0)
