"""Settings as people paste them: what stands around a value is no part of it, and a key fits into a header.

Quotes come along from documentation and from shells, `Key ` and `Bearer ` from the header that a key was
copied out of, a line break from the file that it was mounted as.
"""

import re
import unicodedata
from typing import Any

from backend.domain.text import clean_text

#: Quotes that stand around a value, the typographic ones of editors and chats among them.
_PAIRS = {'"': '"', "'": "'", "`": "`", "“": "”", "„": "“", "‘": "’", "‚": "‘", "«": "»"}
_QUOTES = "".join(_PAIRS.keys() | _PAIRS.values())
_SCHEME = re.compile(r"(?:authorization\s*:\s*)?(?:key|bearer)\s+", re.IGNORECASE)
#: A header holds visible ASCII; clients refuse to send more. Source: RFC 9110, section 5.5.
_NO_HEADER = re.compile(r"[^ -~]")

#: Keys that are sent as they are, behind the scheme of their header.
_API_KEYS = frozenset({"fal_key", "fal_admin_key", "blackbox_api_key"})
#: Keys that a header holds.
_HEADER_KEYS = _API_KEYS | {"aws_access_key_id", "aws_session_token"}
#: Settings that are checked by `key_fault`.
KEYS = _HEADER_KEYS | {"aws_secret_access_key"}
#: Names of folders and files: blanks at their ends are a part of them.
_PATHS = frozenset({"data_dir", "ssl_cert_file", "requests_ca_bundle"})
#: What may hold characters that nobody sees, or is told of them: secrets, and names of files.
_KEPT_WITHIN = KEYS | {"secret_key", "database_url", "storage_url"}


def unwrap_setting(name: str, value: Any) -> Any:
    """What was meant by a value that was pasted into this setting."""
    if not isinstance(value, str):
        return value
    if name in _PATHS:
        return unwrap_path(value)
    if name in _API_KEYS:
        return unwrap_key(value)
    return unwrap_value(value if name in _KEPT_WITHIN else clean_text(value))


def key_fault(name: str, key: str) -> str | None:
    """What is wrong with the value of one of `KEYS`, without what it holds; None: nothing."""
    found = _NO_HEADER.finditer(key)
    if name in _HEADER_KEYS:
        why = "that no header may hold"
    else:  # it signs, and is never sent
        why, found = "that nobody sees", (one for one in found if clean_text(one[0]) != one[0])
    for one in found:
        what = f"U+{ord(one[0]):04X}, {unicodedata.name(one[0], 'a control character').lower()}"
        return f"holds a character {why} ({what}, at character {one.start() + 1}); copy it again without that"
    return None


def unwrap_value(text: str) -> str:
    """The value without white space and pairs of quotes around it."""
    bare = text.strip()
    return unwrap_value(bare[1:-1]) if _is_quoted(bare) else bare


def unwrap_path(text: str) -> str:
    """A path without a pair of quotes around it. All else is a part of it, blanks too."""
    bare = text.strip("\r\n")
    return bare[1:-1] if _is_quoted(bare) else bare


def unwrap_key(text: str) -> str:
    """An API's key alone: also without the scheme of its header, or a quote at one end."""
    bare = text.strip().strip(_QUOTES)
    bare = _SCHEME.sub("", bare, count=1) if _SCHEME.match(bare) else bare
    return bare if bare == text else unwrap_key(bare)


def _is_quoted(text: str) -> bool:
    return len(text) >= 2 and _PAIRS.get(text[0]) == text[-1]
