"""The table of operations: what each call of the API takes and answers, and what must be allowed for it.

It stands beside the routes, one table a subject. What it says holds for requests (`request_parts`) and is
what the document tells (`document`): there is no second list.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from backend.domain.access.roles import Do
from backend.web.api.schemas.base import Asked, Nothing

#: A content type of answers.
JSON = "application/json"


@dataclass(frozen=True)
class Answer:
    """What comes with a status. kinds: content type -> its model, None for bytes or text; empty: no body."""

    what: str
    kinds: Mapping[str, type[BaseModel] | None] = field(default_factory=dict)


def told(what: str, model: type[BaseModel]) -> Answer:
    """An answer in JSON."""
    return Answer(what, {JSON: model})


@dataclass(frozen=True)
class Operation:
    """One call of the API.

    path: Flask's rule, such as "/api/video/status/<job_id>". name: what generated clients call it. do: what
    its token must allow; None: any token will do. needs_token: False for what everybody may read. query,
    headers, body: what may be given there. reads_body: reads the body in place of its model, and names
    unknown fields with all else that is at fault. reads_query: so does the route with the query. file: the
    multipart field of the file that is sent. content: content types of a body that is a file itself, which
    its route reads. refusals: statuses besides those that every such call may be
    answered with. leads_to: names of operations on what is answered, whose `id` is the part of their path.
    """

    method: str
    path: str
    name: str
    summary: str
    answers: Mapping[int, Answer]
    do: Do | None = None
    needs_token: bool = True
    query: type[Asked] = Nothing
    headers: type[Asked] = Nothing
    body: type[Asked] | None = None
    reads_body: Callable[[dict[str, Any]], Any] | None = None
    reads_query: bool = False
    file: str | None = None
    content: tuple[str, ...] = ()
    refusals: tuple[int, ...] = ()
    leads_to: tuple[str, ...] = ()
    subject: str = "takes"

    @property
    def changes(self) -> bool:
        """May it change anything? Only such a call has a body."""
        return self.method not in ("GET", "HEAD", "OPTIONS")
