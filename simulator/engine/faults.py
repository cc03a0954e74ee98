"""What can be made to go wrong, and how to ask for it.

By a marker in the prompt: `[sim:NAME]` or `[sim:NAME=VALUE]`, several allowed, also several in one
(`[sim:http=429 retry-after=2 times=1]`). Or from outside: `POST /sim/faults` with
`{"match": "text" or null, "faults": ["NAME=VALUE", …], "times": n}` for the next n POSTs whose endpoint
or input holds the text; `GET` lists the rules, `DELETE` clears them. The faults of one request that is
already there are replaced by `POST /sim/requests/<request id>/faults` with `{"faults": […]}`.
Seconds are real ones, whatever the pace.
"""

import re
from collections.abc import Iterable

#: name → (the value that it has when none is given, what happens); None: it takes no value.
#: The `catalog-` ones come by rules alone; `match` is held against path and query (`pricing`, `cursor=o50`).
FAULTS: dict[str, tuple[str | None, str]] = {
    "times": ("1", "the marker's faults count for the first N POSTs of this very input only"),
    # the submit
    "lost-answer": (None, "accepted, then the connection is closed without an answer"),
    "half-answer": (None, "accepted, then the answer stops in the middle"),
    "stall": ("300", "accepted, then nothing is said for S seconds"),
    "http": ("500", "fal's own JSON error with this code; not accepted"),
    "retry-after": ("1", "with http: the header of that name"),
    "proxy": ("502", "a page of some nginx with this code; not accepted"),
    "accepted": (None, "with proxy: it was accepted all the same"),
    "garbage": (None, "accepted, answered 200 with something that is not JSON"),
    "dup-id": (None, "answered 200 with the id of the request before; nothing new is accepted"),
    # the run
    "error": ("422", "the model fails: 422 is a content policy violation, 5xx its breakdown"),
    "slow": ("30", "takes S seconds to run"),
    "requeue": (None, "goes back from IN_PROGRESS to IN_QUEUE once"),
    "stuck": (None, "stays IN_PROGRESS for ever"),
    "cancel-ignored": (None, "a cancel is answered 202, and the video comes (and is billed) anyway"),
    "poll-500": ("", "the first N questions for status or result get 500 (all, without N)"),
    # the bill
    "charged": (None, "it is charged though it fails or is stopped, and no header says so"),
    "no-units": (None, "no header says what was counted"),
    "odd-units": (None, "the header holds a text that is no number"),
    "units": ("0", "N billable units are counted, whatever it is"),
    # the webhook
    "early": (None, "sent before the submit is answered, which waits up to 2 s for its receipt"),
    "late": ("5", "sent S seconds after completion"),
    "never": (None, "not sent"),
    "duplicated": ("2", "sent N times, all at once"),
    # the result
    "files": ("3", "the output names N files: the video, and GIFs of its own besides"),
    "no-video": (None, "completed with an output that holds no video"),
    "expired": (None, "asking for the result gets 404 (the status still answers)"),
    # the download
    "media-404": ("", "the first N downloads get 404 (all, without N; the same for the next four)"),
    "media-500": ("", "500"),
    "media-html": ("", "200 and a page of HTML"),
    "media-cut": ("", "the connection closes at two thirds of the file, Content-Length was right"),
    "media-no-range": ("", "Range is not understood: always the whole file, without validators"),
    "media-short": (None, "the file itself ends at two thirds, all lengths agree"),
    "media-slow": ("64", "so many kilobytes a second"),
    "media-big": ("100", "a valid MP4, padded with a `free` box to so many megabytes"),
    # the listing of models
    "catalog-http": ("500", "a page of /v1/models or its prices gets this code (and `retry-after`)"),
    "catalog-garbage": (None, "the same with a page of HTML and 200"),
    "catalog-stall": ("5", "the same after S seconds"),
}

_MARKER = re.compile(r"\[sim:([^\]\n]{1,200})\]")

Faults = dict[str, str]


class UnknownFault(ValueError):
    """A fault that is not in the table, or a value that is no number."""


def faults_in_prompt(prompt: object) -> Faults:
    """The faults that the markers in a prompt ask for; what isn't in the table is passed over."""
    faults: Faults = {}
    if isinstance(prompt, str):
        for marker in _MARKER.findall(prompt):
            for word in re.split(r"[\s,]+", marker.strip()):
                try:
                    faults |= parse_faults([word.removeprefix("sim:")])
                except UnknownFault:
                    continue
    return faults


def parse_faults(words: Iterable[object]) -> Faults:
    """{name: value} of words like `http=429`. Raises UnknownFault: names the first that makes no sense."""
    faults: Faults = {}
    for word in words:
        name, _, value = str(word).strip().partition("=")
        if name not in FAULTS:
            raise UnknownFault(f"there is no fault {name!r}")
        default = FAULTS[name][0]
        if value and default is None:
            raise UnknownFault(f"{name} takes no value")
        if value and not re.fullmatch(r"\d{1,10}(\.\d{1,3})?", value):
            raise UnknownFault(f"{word!r}: the value must be a number")
        faults[name] = value or default or ""
    return faults


def is_for_listing(faults: Faults) -> bool:
    """Are these faults of the listing of models, and not of a request?"""
    return any(name.startswith("catalog-") for name in faults)


def without_markers(prompt: str) -> str:
    """The prompt as it is lettered on the video."""
    return " ".join(_MARKER.sub(" ", prompt).split())


def fault_number(faults: Faults, name: str, default: float = 0.0) -> float:
    """The value of a fault as a number; `default` where it isn't asked for or has none."""
    return float(faults.get(name) or default)


def still_happens(faults: Faults, name: str, seen: int) -> bool:
    """Does this fault still happen after it happened `seen` times? Without a value it never stops."""
    if name not in faults:
        return False
    return not faults[name] or seen < float(faults[name])
