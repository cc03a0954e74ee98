"""What can be made to go wrong, and how to ask for it.

By a marker in the prompt: `[sim:NAME]` or `[sim:NAME=VALUE]`, several allowed, also several in one
(`[sim:http=429 retry-after=2 times=1]`). Or from outside: `POST /sim/faults` with
`{"match": "text" or null, "faults": ["NAME=VALUE", …], "times": n}` for the next n POSTs whose endpoint
or input holds the text; `GET` lists the rules, `DELETE` clears them. The faults of one request that is
already there are replaced by `POST /sim/requests/<request id>/faults` with `{"faults": […]}`.
Seconds are real ones, whatever the pace.

| when     | name            | what happens |
|----------|-----------------|------------------------------------------------------------------------------|
| any      | times=N         | the marker's faults count for the first N POSTs of this very input only |
| submit   | lost-answer     | accepted, then the connection is closed without an answer |
|          | half-answer     | accepted, then the answer stops in the middle |
|          | stall=S         | accepted, then nothing is said for S seconds (300) |
|          | http=CODE       | fal's own JSON error with this code; not accepted |
|          | retry-after=S   | with http: the header of that name |
|          | proxy=CODE      | a page of some nginx with this code (502); not accepted |
|          | accepted        | with proxy: it was accepted all the same |
|          | garbage         | accepted, answered 200 with something that is not JSON |
|          | dup-id          | answered 200 with the id of the request before; nothing new is accepted |
| run      | error=CODE      | the model fails: 422 is a content policy violation, 5xx its breakdown |
|          | slow=S          | takes S seconds to run |
|          | requeue         | goes back from IN_PROGRESS to IN_QUEUE once |
|          | stuck           | stays IN_PROGRESS for ever |
|          | cancel-ignored  | a cancel is answered 202, and the video comes (and is billed) anyway |
| asking   | poll-500=N      | the first N questions for status or result get 500 (all, without N) |
| webhook  | early           | sent before the submit is answered, which waits up to 2 s for its receipt |
|          | late=S          | sent S seconds after completion |
|          | never           | not sent |
|          | duplicated=N    | sent N times (2), all at once |
|          | null-payload    | payload null and a payload_error |
|          | stale           | its timestamp is 10 minutes old |
|          | forged          | one with a bad signature comes first, then the real one |
|          | foreign         | signed for another account; the real one never comes |
|          | error-then-ok   | one that says ERROR first, then the real one |
|          | ok-then-error   | the real one, then one that says ERROR |
|          | new-status      | its status is a word that nobody knows yet |
| result   | no-video        | completed with an output that holds no video |
|          | expired         | asking for the result gets 404 (the status still answers) |
| media    | media-404=N     | the first N downloads get 404 (all, without N; the same for the next four) |
|          | media-500=N     | 500 |
|          | media-html=N    | 200 and a page of HTML |
|          | media-cut=N     | the connection closes at two thirds of the file, Content-Length was right |
|          | media-no-range=N | Range is not understood: always the whole file, without validators |
|          | media-short     | the file itself ends at two thirds, all lengths agree |
|          | media-slow=KBPS | so many kilobytes a second (64) |
|          | media-big=MB    | a valid MP4, padded with a `free` box to this size (100) |
| listing  | catalog-http=CODE | a page of /v1/models or its prices gets this code (500; `retry-after`) |
|          | catalog-garbage | the same with a page of HTML and 200 |
|          | catalog-stall=S | the same after S seconds (5) |

The last three come by rules alone; their `match` is held against path and query (`pricing`, `cursor=o50`).
"""

import re
from collections.abc import Iterable

#: Every name, with the value it has when none is given; "" means that it takes none, or is without end.
NAMES: dict[str, str] = {
    "times": "1",
    "lost-answer": "",
    "half-answer": "",
    "stall": "300",
    "http": "500",
    "retry-after": "1",
    "proxy": "502",
    "accepted": "",
    "garbage": "",
    "dup-id": "",
    "error": "422",
    "slow": "30",
    "requeue": "",
    "stuck": "",
    "cancel-ignored": "",
    "poll-500": "",
    "early": "",
    "late": "5",
    "never": "",
    "duplicated": "2",
    "null-payload": "",
    "stale": "",
    "forged": "",
    "foreign": "",
    "error-then-ok": "",
    "ok-then-error": "",
    "new-status": "",
    "no-video": "",
    "expired": "",
    "media-404": "",
    "media-500": "",
    "media-html": "",
    "media-cut": "",
    "media-no-range": "",
    "media-short": "",
    "media-slow": "64",
    "media-big": "100",
    "catalog-http": "500",
    "catalog-garbage": "",
    "catalog-stall": "5",
}
#: Names whose value is a number that may be left away.
_COUNTED = {"poll-500", "media-404", "media-500", "media-html", "media-cut", "media-no-range"}

_MARKER = re.compile(r"\[sim:([^\]\n]{1,200})\]")

Faults = dict[str, str]


class UnknownFault(ValueError):
    """A fault that is not in the table, or a value that is no number."""


def of_prompt(prompt: object) -> Faults:
    """The faults that the markers in a prompt ask for; what isn't in the table is passed over."""
    faults: Faults = {}
    if isinstance(prompt, str):
        for marker in _MARKER.findall(prompt):
            for word in re.split(r"[\s,]+", marker.strip()):
                try:
                    faults |= parse([word.removeprefix("sim:")])
                except UnknownFault:
                    continue
    return faults


def parse(words: Iterable[object]) -> Faults:
    """{name: value} of words like `http=429`.

    Raises:
        UnknownFault: naming the first word that makes no sense.
    """
    faults: Faults = {}
    for word in words:
        name, _, value = str(word).strip().partition("=")
        if name not in NAMES:
            raise UnknownFault(f"there is no fault {name!r}")
        if value and not (NAMES[name] or name in _COUNTED):
            raise UnknownFault(f"{name} takes no value")
        if value and not re.fullmatch(r"\d{1,6}(\.\d{1,3})?", value):
            raise UnknownFault(f"{word!r}: the value must be a number")
        faults[name] = value or NAMES[name]
    return faults


def of_catalog(faults: Faults) -> bool:
    """Are these faults of the catalogue, and not of a request?"""
    return any(name.startswith("catalog-") for name in faults)


def without_markers(prompt: str) -> str:
    """The prompt as it is lettered on the video."""
    return " ".join(_MARKER.sub(" ", prompt).split())


def number(faults: Faults, name: str, default: float = 0.0) -> float:
    """The value of a fault as a number; `default` where it isn't asked for or has none."""
    return float(faults.get(name) or default)


def counts(faults: Faults, name: str, seen: int) -> bool:
    """Does this fault still happen after it happened `seen` times? Without a value it never stops."""
    if name not in faults:
        return False
    return not faults[name] or seen < float(faults[name])
