"""A link becomes a file on our disk: bounded, timed, hashed while it streams, resumed where that is safe.

One try: whatever goes wrong is raised, and the caller comes again later. What was received by then
stays in the part when the server named a validator, and the next try asks for the rest only.

Source: RFC 9110, sections 13.1.5 (If-Range), 14 (ranges), 15.4 (redirects).
"""

import http.client
import shutil
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from backend.domain.errors import (
    MediaBroken,
    MediaError,
    MediaGone,
    MediaUnreachable,
    StorageFull,
)
from backend.domain.links import file_identity, normalize_link
from backend.http.outbound import PROXY_REMEDY, TRUST_REMEDY
from backend.media.download.address_guard import AddressGuard, ResolvedTarget
from backend.media.download.connection import TICK_S, PinnedConnection, ProxyRefusedError
from backend.media.download.content_coding import CutBody, MiscodedBody, find_codings, undo_codings
from backend.media.download.response_headers import (
    content_length,
    content_range,
    redirect_target,
    resume_info,
    single_header,
    total_of_416,
)
from backend.media.partial.partial_file import CHUNK_BYTES, PartialFile, open_part

#: More redirects than this are a loop or a game; media hosts need one.
REDIRECTS_MAX = 3
REDIRECT_STATUSES = frozenset({301, 302, 303, 307, 308})
#: These say that the link is dead, not that the server is unwell: a signed link past its time is a 403.
GONE_STATUSES = frozenset({403, 404, 410})

ProgressCallback = Callable[[int, int | None], None]


@dataclass(frozen=True)
class DownloadLimits:
    """How large a file may be, and how slow its server."""

    #: The longest 4K takes on offer are below 1 GB; an endless body ends here.
    max_bytes: int = 4 * 1024**3
    #: A reachable host answers a SYN in far less; each address of the host gets this long.
    connect_s: float = 10.0
    #: Silence after which a connection counts as dead; object stores pause for seconds at most.
    read_s: float = 20.0
    #: A server below this is stuck or hostile: a 5 MB take would need over ten minutes.
    min_rate_bytes_s: float = 8 * 1024
    #: The rate is judged over this long, so that a short stall is forgiven.
    rate_window_s: float = 20.0
    #: Even the largest file, at 1.2 MB/s, is through by then; it can be resumed after that.
    deadline_s: float = 3600.0


@dataclass(frozen=True)
class DownloadedFile:
    """A part that has every byte that was promised. Whether it is a video, `inspect` says."""

    path: Path
    sha256: str
    size_bytes: int
    content_type: str | None


def download_file(
    url: str,
    part: Path,
    *,
    guard: AddressGuard,
    limits: DownloadLimits = DownloadLimits(),
    promised_bytes: int | None = None,
    on_progress: ProgressCallback = lambda done, total: None,
    leftover: Path | None = None,
) -> DownloadedFile:
    """Bring a file home, in one try.

    part: where to; made with mode 0600 and locked while it is written. leftover: what an earlier try of the
    same job left; resumed when nobody writes it any more and the server says that it still has the same
    file, and taken as it is where it was marked as all of this one. promised_bytes: the size that the
    provider states, if it does. on_progress: called with (bytes so far, total or None) every MiB or two, and
    at least every second, silence included; whatever it raises ends the download and is passed on, and the
    part stays.

    Raises:
        MediaUnreachable: slow, cut, refused for now; the part stays when it can be resumed.
        MediaGone: 403, 404 or 410. MediaDenied: the link, or where it leads, is out of bounds.
        MediaBroken: too large, or not the size that was promised; the part is removed.
        StorageFull: our own disk will not take it; the part is removed.
        StaleState: somebody else is writing this very part.
    """
    with open_part(part, leftover) as file:
        if file.is_whole(of=file_identity(url)):
            return DownloadedFile(file.path, file.sha256, file.size_bytes, None)
        fetch = _Fetch(file, guard, limits, promised_bytes, on_progress)
        try:
            return fetch.run(url)
        except (MediaBroken, StorageFull):
            file.discard()
            raise
        except MediaError:
            if not (file.resume_info and file.size_bytes):
                file.discard()
            raise


class _Restart(Exception):
    """What the server offers does not go on from what we have."""


@dataclass
class _Fetch:
    """One download under way; also the watcher of its connection."""

    file: PartialFile
    guard: AddressGuard
    limits: DownloadLimits
    promised: int | None
    progress: ProgressCallback

    def __post_init__(self) -> None:
        self.total = self.promised
        self.began_at = self.heard_at = self.told_at = self.window_at = time.monotonic()
        self.window_bytes = self.told_bytes = 0
        self.connected = self.body = False
        self.codings: tuple[str, ...] = ()  #: what the server says, where it could be undone
        self.undo = True

    def run(self, url: str) -> DownloadedFile:
        while True:
            try:
                content_type = self._attempt(url)
                break
            except _Restart:  # of what was resumed; a beginning has no other
                self.file.start_over()
            except MiscodedBody:
                self.undo = False
                self.file.start_over()
        if self.codings and self.promised not in {None, self.file.size_bytes}:
            raise MediaBroken(f"The provider promised {self.promised} bytes, {self.file.size_bytes} came.")
        self.progress(self.file.size_bytes, self.total)
        return DownloadedFile(self.file.path, self.file.sha256, self.file.size_bytes, content_type)

    def _attempt(self, url: str) -> str | None:
        """Follow redirects, each judged anew, until a server gives the file; return its type."""
        for _ in range(REDIRECTS_MAX + 1):
            url = normalize_link(url) or url
            target = self.guard.resolve(url)
            self.connected = self.body = False
            try:
                with self._connection(target) as wire:
                    wire.connect()
                    self.connected, self.heard_at = True, time.monotonic()
                    answer = wire.get(self._headers())
                    if answer.status not in REDIRECT_STATUSES:
                        return self._receive(answer)
                    url = redirect_target(url, answer)
            except ssl.SSLCertVerificationError as error:
                why = MediaUnreachable(f"{target.host} has no valid certificate.")
                raise why.for_operators(TRUST_REMEDY) from error
            except (OSError, http.client.HTTPException) as error:
                why = MediaUnreachable(f"The connection to {target.host} broke: {_short(error)}.")
                is_proxy = isinstance(error, ProxyRefusedError)
                raise (why.for_operators(PROXY_REMEDY) if is_proxy else why) from error
        raise MediaUnreachable(f"The link led on more than {REDIRECTS_MAX} times.")

    def _connection(self, target: ResolvedTarget) -> PinnedConnection:
        trust, connect_s = self.guard.trust_store, self.limits.connect_s
        return PinnedConnection(target, self.watch, trust=trust, connect_s=connect_s)

    def _headers(self) -> dict[str, str]:
        headers = {"User-Agent": "dailies", "Accept": "*/*", "Accept-Encoding": "identity"}
        headers["Connection"] = "close"
        origin = self.file.resume_info
        if self.file.size_bytes and origin and origin.if_range_value:
            headers["Range"] = f"bytes={self.file.size_bytes}-"
            headers["If-Range"] = origin.if_range_value
        return headers

    def _receive(self, answer: http.client.HTTPResponse) -> str | None:
        """Judge the status and headers, then take the body; return the content type."""
        resuming = self.file.size_bytes > 0
        if answer.status == 416 and resuming:
            return self._nothing_left(answer)
        if answer.status == 206 and resuming:
            self.total = self._rest(answer)
        elif answer.status == 200:
            self._whole(answer)
        elif answer.status in GONE_STATUSES:
            raise MediaGone(f"The link is dead: the server answered {answer.status}.")
        else:
            raise MediaUnreachable(f"The server answered {answer.status} instead of the file.")
        self._check_total()
        self._pour(answer)
        known = self.file.resume_info
        return known.content_type if known else single_header(answer, "Content-Type")

    def _whole(self, answer: http.client.HTTPResponse) -> None:
        """A 200 starts at the first byte, whatever we have: note how to recognise the file later."""
        self.file.start_over()
        self.codings = find_codings(answer.headers.get_all("Content-Encoding")) if self.undo else ()
        size = content_length(answer)
        self.total = self.promised if size is None and not self.codings else size
        found = resume_info(answer)
        if found and not self.codings:  # whether it is coded shows in its first bytes
            self.file.save_resume_info(found)

    def _rest(self, answer: http.client.HTTPResponse) -> int:
        """A 206 must go on exactly where the part ends, in the same file; return the file's size."""
        rest, known, etag = content_range(answer), self.file.resume_info, single_header(answer, "ETag")
        if not rest or not known or rest.first != self.file.size_bytes:
            raise _Restart
        if known.total_bytes not in {None, rest.total} or (known.etag and etag and etag != known.etag):
            raise _Restart
        return rest.total

    def _nothing_left(self, answer: http.client.HTTPResponse) -> str | None:
        """A 416 means that the part is the whole file already, or that it is something else."""
        known, have = self.file.resume_info, self.file.size_bytes
        if not known or total_of_416(answer) != have or known.total_bytes not in {None, have}:
            raise _Restart
        self.total = have
        self._check_total()
        return known.content_type

    def _check_total(self) -> None:
        """Before the body: is the size, as far as it is known, one that we take?"""
        if self.total is None:
            return
        if not self.codings and self.promised is not None and self.total != self.promised:
            raise MediaBroken(f"The provider promised {self.promised} bytes, the server offers {self.total}.")
        if self.total > self.limits.max_bytes:
            raise MediaBroken(f"The file has {self.total} bytes; at most {self.limits.max_bytes} are taken.")
        free = shutil.disk_usage(self.file.path.parent).free
        if free < self.total - self.file.size_bytes:
            why = f"{self.total} bytes, and {free} are free; free some space."
            raise StorageFull(f"Our own storage will not take the file: {why}")

    def _pour(self, answer: http.client.HTTPResponse) -> None:
        """Body to disk. Afterwards every byte that was promised is there, and none besides."""
        self.body = True
        self.window_at, self.window_bytes = time.monotonic(), 0
        came = self.file.size_bytes

        def chunks() -> Iterator[bytes]:
            nonlocal came
            while chunk := answer.read1(CHUNK_BYTES):
                came += len(chunk)
                if came > (self.total or came):
                    raise MediaBroken(f"More bytes came than the {self.total} that were promised.")
                yield chunk

        try:
            for piece in undo_codings(self.codings, chunks()):
                self.file.write(piece)
                if self.file.size_bytes > self.limits.max_bytes:
                    raise MediaBroken(f"The file goes on past {self.limits.max_bytes} bytes.")
        except CutBody as error:
            if came == self.total or answer.chunked:  # so it lies there: all of it came
                raise
            raise MediaUnreachable("The connection ended before the file did.") from error
        if not came:  # an empty file, or an answer that broke off within its head
            raise MediaUnreachable("The server gave nothing.")
        if self.total is not None and came < self.total:
            raise MediaUnreachable(f"The connection ended after {came} of {self.total} bytes.")

    def watch(self, got: int) -> None:
        """Called for whatever comes, and every `TICK_S` while nothing does."""
        now = time.monotonic()
        self.window_bytes += got
        if got:
            self.heard_at = now
        if now - self.told_at >= 2 * TICK_S or self.file.size_bytes - self.told_bytes >= CHUNK_BYTES:
            self.told_at, self.told_bytes = now, self.file.size_bytes
            self.progress(self.file.size_bytes, self.total)
        if now - self.began_at > self.limits.deadline_s:
            raise MediaUnreachable(f"The download took longer than {self.limits.deadline_s:.0f} s.")
        if self.connected and now - self.heard_at > self.limits.read_s:
            raise MediaUnreachable(f"The server was silent for {now - self.heard_at:.0f} s.")
        if self.body and now - self.window_at >= self.limits.rate_window_s:
            took_s = now - self.window_at
            if self.window_bytes < self.limits.min_rate_bytes_s * took_s:
                raise MediaUnreachable(f"Too slow: {self.window_bytes} bytes in {took_s:.0f} s.")
            self.window_at, self.window_bytes = now, 0


def _short(error: Exception) -> str:
    return (str(error) or type(error).__name__)[:200]
