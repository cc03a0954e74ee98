"""What every page is given: the backend's use cases, who is looking, and notices that outlive a rerun."""

import logging
import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from backend.bootstrap import open_deps
from backend.domain.errors import DailiesError, InvalidRequest, NotAllowed, SettingsError, StoreUnavailable
from backend.domain.text import cleaning_notes, join_sentences
from backend.services import access
from backend.services.access import Viewer
from backend.services.audit.refusals import record_refusal
from backend.services.deps import Deps
from backend.services.gallery.signed_links import dashboard_link
from backend.services.operations import readiness
from backend.services.operations.hang_guard import HangGuard
from backend.services.patient_look import NoAnswer, PatientLook
from backend.services.team import visitors
from backend.services.team.visitors import Visit
from pages.ui import text

log = logging.getLogger(__name__)

_NOTICES, _VIEWER = "notices", "viewer"
#: How long a page goes on believing who looks at it, within one run of it.
BELIEVED_S = 1.0
#: One run asks dozens of times what it is given, and it is looked up once in so many seconds.
ASKED_ANEW_S = 0.1
#: What the run in this thread was given last; no thread runs pages of two sessions.
_run = threading.local()


class StillOpening(DailiesError):
    """What every page needs is on its way, and a page is not to wait for it."""


@st.cache_resource(show_spinner=False)
def _opening() -> PatientLook[tuple[Deps, HangGuard]]:
    return PatientLook(_open, believed_s=math.inf)


def _open() -> tuple[Deps, HangGuard]:
    try:
        opened = open_deps()
    except SettingsError as error:
        _log_stop(error.in_full)
        raise
    return opened, HangGuard(opened)


@cache
def _log_stop(says: str) -> None:
    """What stops the start is for whoever reads the log: once, though it is tried every second."""
    log.error("the start is stopped", extra={"why": says})


def deps() -> Deps:
    """The one set of dependencies of this process, shared by every session.

    Raises:
        StillOpening: it is not there yet; ask again.
        StoreUnavailable: its database hangs, and so would whoever asked it anything.
        SettingsError: what stops the start.
    """
    asked: tuple[float, Deps] | None = getattr(_run, "asked", None)
    in_a_run = get_script_run_ctx(suppress_warning=True) is not None
    if in_a_run and asked and time.monotonic() - asked[0] < ASKED_ANEW_S:
        return asked[1]
    try:
        opened, guard = _opening().outcome(within_s=readiness.WAIT_S)
    except NoAnswer as error:
        raise StillOpening("Dailies is starting.") from error
    guard.keep_watch()
    if readiness.database_hangs(opened):
        raise StoreUnavailable("it does not answer")
    _run.asked = time.monotonic(), opened
    return opened


def viewer(*, anew: bool = False) -> Viewer:
    """Who is looking; without logins, whoever reaches this machine's loopback.

    What was found is believed for `BELIEVED_S`, unless it is to be looked up anew: that is done at the start
    of every run of a page, and of every part that refreshes itself.

    Raises:
        SessionEnded: nobody, any more.
        NoRole: somebody who may do nothing here.
    """
    opened = deps()
    if not opened.settings.has_logins:
        return access.local_viewer(opened)
    visit = _visit(opened)
    known: tuple[float, Visit | None, Viewer] | None = st.session_state.get(_VIEWER)
    if known and not anew and known[1] == visit and opened.clock.monotonic() - known[0] < BELIEVED_S:
        return known[2]
    st.session_state.pop(_VIEWER, None)
    found = visitors.viewer_of(opened, visit, acted=not is_refreshing())
    st.session_state[_VIEWER] = (opened.clock.monotonic(), visit, found)
    return found


def file_for_asker(make: Callable[[Viewer], bytes]) -> Callable[[], bytes]:
    """What a download button is given: the file, made once it is asked for, by what its asker may do then.

    The kit makes it in a thread that knows of no page and so of no visit: this page's is kept.
    """
    opened = deps()
    visit = _visit(opened)

    def content() -> bytes:
        if not opened.settings.has_logins:
            return make(access.local_viewer(opened))
        asker = visitors.viewer_of(opened, visit, acted=True)
        try:
            return make(asker)
        except NotAllowed as refused:
            record_refusal(opened, asker, refused)
            raise

    return content


def session_id() -> str | None:
    """The session of ours by which this browser is signed in; None: it came by another way."""
    visit = _visit(deps())
    return visit.session_id if visit else None


def _visit(opened: Deps) -> Visit | None:
    return visitors.open_visit(opened.settings, st.context.headers.get(visitors.HEADER))


def is_refreshing() -> bool:
    """Is this a part of a page that refreshes itself, rather than the page because somebody did something?"""
    run = get_script_run_ctx(suppress_warning=True)
    return bool(run and run.fragment_ids_this_run)


def notify(message: str, icon: str = ":material/check:") -> None:
    """Have a message shown by the next run. Callbacks may not draw, so they leave it here."""
    st.session_state.setdefault(_NOTICES, []).append((message, icon))


def notify_cleaned(*texts: str | None) -> None:
    """Have it said what was taken out of texts that somebody pasted, if anything was."""
    for note in cleaning_notes(*texts):
        notify(f"{note}.", ":material/cleaning_services:")


@contextmanager
def errors_as_notices() -> Iterator[None]:
    """What stands in the way of what is done within becomes a notice, and the rest of it is left out."""
    try:
        yield
    except InvalidRequest as error:
        faults = join_sentences(*(f"The {field} {fault}" for field, fault in error.fields.items()))
        notify(text.plain(faults), ":material/error:")
    except DailiesError as error:
        if isinstance(error, NotAllowed):
            with suppress(NotAllowed, StoreUnavailable):  # nobody any more: the page itself says so
                record_refusal(deps(), viewer(), error)
        notify(text.plain(error), ":material/error:")


def show_notices() -> None:
    """Show what was left by `notify`, once."""
    for message, icon in st.session_state.pop(_NOTICES, []):
        st.toast(message, icon=icon)


def model_title(model_id: str) -> str:
    """A model's title; its id when it is no longer on offer."""
    try:
        return deps().catalogue.recall(model_id).title
    except KeyError:
        return model_id


def media_link(key: str | None, *, download_as: str | None = None) -> str | None:
    """Where the browser finds one of our files, for a link or a component; None for no file.

    Relative to the page's own folder, which is the root of all pages, whatever path they are served under.
    """
    link = dashboard_link(deps(), key, download_as=download_as)
    return link and link.removeprefix("/")


def kit_media_link(key: str | None) -> str:
    """The same for `st.image` and its like, which put the pages' root before what begins with a slash."""
    return dashboard_link(deps(), key) or ""
