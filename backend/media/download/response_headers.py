"""What a media server's answer says about the file: its length, its identity, which part comes, where it is.

Headers are read strictly: one that is given twice, with different values, says nothing.

Source: RFC 9110, sections 8.6 (length), 8.8 (validators), 14.4 (Content-Range).
"""

import re
from contextlib import suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http.client import HTTPResponse
from urllib.parse import urljoin

from backend.domain.errors import MediaDenied, MediaUnreachable
from backend.media.partial.partial_file import ResumeInfo, boot_id

_STRONG_ETAG = re.compile(r'"[\x21\x23-\x7e]*"')
_NUMBER = "([0-9]{1,18})"
_SPAN = re.compile(rf"bytes {_NUMBER}-{_NUMBER}/{_NUMBER}")
_NOTHING_LEFT = re.compile(rf"bytes \*/{_NUMBER}")


@dataclass(frozen=True)
class ByteRange:
    """The bytes from `first` up to and including `last`, of `total`."""

    first: int
    last: int
    total: int


def single_header(answer: HTTPResponse, name: str) -> str | None:
    """A header that may be given once; given with different values it says nothing: MediaUnreachable."""
    values = {str(value).strip() for value in answer.headers.get_all(name) or ()}
    if len(values) > 1:
        raise MediaUnreachable(f"The server gave {name} twice.")
    return values.pop() if values else None


def content_length(answer: HTTPResponse) -> int | None:
    """How many bytes the body has; None: that shows at its end."""
    text = single_header(answer, "Content-Length")
    if text is None or single_header(answer, "Transfer-Encoding"):
        return None
    if not re.fullmatch(_NUMBER, text):
        raise MediaUnreachable("The server gave a length that is no number.")
    return int(text)


def content_range(answer: HTTPResponse) -> ByteRange | None:
    """What a 206 says it holds, when that is one span whose length is the body's."""
    match = _SPAN.fullmatch(single_header(answer, "Content-Range") or "")
    if not match:
        return None
    found = ByteRange(*(int(number) for number in match.groups()))
    sound = found.first <= found.last < found.total
    return found if sound and content_length(answer) in {None, found.last - found.first + 1} else None


def total_of_416(answer: HTTPResponse) -> int | None:
    """How long the file is, in an answer that says that there is nothing left of it."""
    match = _NOTHING_LEFT.fullmatch(single_header(answer, "Content-Range") or "")
    return int(match[1]) if match else None


def resume_info(answer: HTTPResponse) -> ResumeInfo | None:
    """How to recognise this file later; None: it can't be resumed."""
    etag = single_header(answer, "ETag")
    found = ResumeInfo(
        etag=etag if etag and _STRONG_ETAG.fullmatch(etag) else None,
        last_modified=_strong_date(answer),
        total_bytes=content_length(answer),
        content_type=single_header(answer, "Content-Type"),
        boot=boot_id(),
    )
    return found if found.if_range_value and single_header(answer, "Accept-Ranges") != "none" else None


def _strong_date(answer: HTTPResponse) -> str | None:
    """Last-Modified, where it is older than the answer: else the file may have changed within the second."""
    modified, date = single_header(answer, "Last-Modified"), single_header(answer, "Date")
    if not modified or not date:
        return None
    try:
        age = parsedate_to_datetime(date) - parsedate_to_datetime(modified)
    except (ValueError, TypeError):
        return None
    return modified if age.total_seconds() >= 1 else None


def redirect_target(url: str, answer: HTTPResponse) -> str:
    """Where a redirect leads; the guard judges it next. Its bytes are UTF-8, or else Latin-1 as ever.

    Raises MediaDenied: to something that is no link.
    """
    place = single_header(answer, "Location") or "no-location:"
    with suppress(UnicodeError):
        place = place.encode("latin-1").decode()
    try:
        return urljoin(url, place.strip())
    except ValueError as error:
        raise MediaDenied("This link leads to something that is no link.") from error
