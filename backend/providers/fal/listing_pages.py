"""Pages of fal's platform API: read to their end, and asked for again, within bounds, when fal has no time.

A page is only read, so asking again costs nothing. Every wait is told, so that it can be seen and stopped.

Source: fal platform API: 429 on rate limit; pagination by `cursor`, `next_cursor`, `has_more`.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import httpx

from backend.domain.errors import CatalogueUnavailable
from backend.http.httpx_transport import name_error, remedy_of
from backend.providers.answer_body import parse_json
from backend.providers.fal import answers
from backend.providers.fal.submit import retry_after_s

#: More pages than this in one list mean that its cursor runs in circles.
MAX_PAGES = 400
#: A page may go as deep as half of what Python can read: a schema that is too deep spoils its own model only.
PAGE_LEVELS = 500
#: Answers that may be another one a moment later.
RETRYABLE_STATUSES = frozenset({429, 500, 502, 503, 504})
#: A page is asked for again this often, then the refresh is given up until it is due again.
MAX_RETRIES = 3
#: Waits between them when fal doesn't say how long, in seconds; each is twice the one before.
FIRST_WAIT_S = 0.5
#: Longer than this nobody waits for one page, in seconds: the next refresh will be as good.
MAX_WAIT_S = 60.0
#: A refresh waits no longer than this altogether, in seconds.
TOTAL_WAIT_MAX_S = 300.0


class PageAnswer(NamedTuple):
    """One answer. wait_s: how long fal asks to wait; None: it doesn't say."""

    status: int
    body: bytes
    wait_s: float | None = None


class PageRefused(CatalogueUnavailable):
    """fal answered with a status that is no page. status: which."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


#: Asks for one page: (path, query) -> its answer.
FetchPage = Callable[[str, Sequence[tuple[str, str]]], PageAnswer]


def page_fetcher(client: httpx.Client, base: str) -> FetchPage:
    """Asks the platform API at `base` with this client; raises httpx.HTTPError, httpx.InvalidURL."""

    def ask(path: str, query: Sequence[tuple[str, str]]) -> PageAnswer:
        response = client.get(f"{base}{path}", params=list(query))
        wait_s = retry_after_s(response.headers.get("Retry-After"))
        return PageAnswer(response.status_code, response.content, wait_s)

    return ask


class PageReader:
    """A conversation with the platform API: the waits of all its pages count together."""

    def __init__(
        self,
        fetch_page: FetchPage,
        on_progress: Callable[[str], None],
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._ask, self._told, self._wait = fetch_page, on_progress, sleep
        self._waited_s = 0.0

    def iter_pages(
        self, path: str, query: list[tuple[str, str]], names: tuple[str, ...]
    ) -> Iterator[list[Mapping[str, Any]]]:
        """Every page of a list. names: under which of these its items stand.

        Raises:
            PageRefused: with its status. CatalogueUnavailable: anything else that is no page.
        """
        cursor: str | None = None
        seen: set[str] = set()
        for _ in range(MAX_PAGES):
            page = self._answer(path, [*query, ("cursor", cursor)] if cursor else query)
            yield _items(path, page, names)
            cursor, more = page.get("next_cursor"), page.get("has_more")
            if more is False or (not cursor and more is not True):
                return
            if not isinstance(cursor, str) or not cursor:
                raise CatalogueUnavailable(f"{path} says that there is more, and not where")
            if cursor in seen:
                break
            seen.add(cursor)
        raise CatalogueUnavailable(f"{path} never comes to its last page")

    def _answer(self, path: str, query: Sequence[tuple[str, str]]) -> Mapping[str, Any]:
        for again in range(MAX_RETRIES + 1):
            answer = self._asked(path, query, last=again == MAX_RETRIES)
            if answer is None:
                self._pause(path, "did not answer", FIRST_WAIT_S * 2**again)
            elif answer.status in RETRYABLE_STATUSES and again < MAX_RETRIES and self._may_wait(answer):
                wait_s = FIRST_WAIT_S * 2**again if answer.wait_s is None else answer.wait_s
                self._pause(path, f"answered {answer.status}", wait_s)
            else:
                return _page(path, answer)
        raise AssertionError("the last answer is returned or raised")

    def _asked(self, path: str, query: Sequence[tuple[str, str]], *, last: bool) -> PageAnswer | None:
        """The answer; None when the line broke, and there is another try."""
        try:
            return self._ask(path, query)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            broke = isinstance(error, httpx.TransportError) and not isinstance(error, httpx.TimeoutException)
            if broke and not last:
                return None
            why = CatalogueUnavailable(f"{path} could not be asked ({name_error(error)})")
            raise why.for_operators(remedy_of(error)) from error

    def _may_wait(self, answer: PageAnswer) -> bool:
        wait_s = answer.wait_s or 0.0
        return wait_s <= MAX_WAIT_S and self._waited_s + wait_s <= TOTAL_WAIT_MAX_S

    def _pause(self, path: str, why: str, wait_s: float) -> None:
        """Wait, second by second, telling it: who is told may stop it by raising."""
        self._waited_s += wait_s
        left_s = wait_s
        while left_s > 0:
            self._told(f"{path} {why}; asked again in {left_s:.0f} s")
            self._wait(min(left_s, 1.0))
            left_s -= 1.0


def _items(path: str, page: Mapping[str, Any], names: tuple[str, ...]) -> list[Mapping[str, Any]]:
    items = next((page[name] for name in names if name in page), None)
    if not isinstance(items, list):
        raise CatalogueUnavailable(f"{path} answered without a list of {names[0]}")
    for item in items:
        if not isinstance(item, Mapping) or not isinstance(item.get("endpoint_id"), str):
            raise CatalogueUnavailable(f"{path} lists something that names no model")
    return items


def _page(path: str, answer: PageAnswer) -> Mapping[str, Any]:
    if answer.status != 200:
        said = answers.error_message(parse_json(answer.body))
        raise PageRefused(f"{path} answered {answer.status}" + (f": {said}" if said else ""), answer.status)
    page = parse_json(answer.body, levels=PAGE_LEVELS)
    if not isinstance(page, Mapping):
        raise CatalogueUnavailable(f"{path} answered with something that can't be read")
    return page
