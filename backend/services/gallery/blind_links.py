"""Files of a pair by keys that say nothing of them: not the take, its file's name, its order or its owner."""

import re

from backend.domain.errors import NotFound
from backend.services.deps import Deps
from backend.store.experiments import pairs

#: Where files of pairs are asked for: no stored file lies in this folder.
PAIR_FOLDER = "pairs"
GONE = "This video is not there any more. Load the page again for other ones."
_KEY = re.compile(rf"{PAIR_FOLDER}/([0-9a-f]{{32}})-(left|right)\.(video|poster)")


def pair_keys(pair_id: str, side: str) -> tuple[str, str]:
    """By which keys a side's video and its poster are asked for."""
    return f"{PAIR_FOLDER}/{pair_id}-{side}.video", f"{PAIR_FOLDER}/{pair_id}-{side}.poster"


def is_blind(key: str) -> bool:
    """Is it such a key?"""
    return key.startswith(f"{PAIR_FOLDER}/")


def stored_key(deps: Deps, key: str) -> str:
    """Where that file really lies. Raises NotFound: no such pair, or its take is in the trash."""
    asked = _KEY.fullmatch(key)
    if asked is not None:
        pair_id, side, what = asked.groups()
        with deps.store.read() as session:
            found = pairs.find_file(session, pair_id, right=side == "right")
        lies = found and (found.player if what == "video" else found.poster)
        if lies:
            return lies
    raise NotFound(GONE)
