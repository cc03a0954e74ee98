"""What a take is made of, as one digest: the same inputs give the same one, whatever form led there."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

#: Beyond it a float is not told apart from its neighbours, and stays as it is written.
_EXACT = 2**53


def canonical_json(value: Any) -> str:
    """A value as JSON in one form only: sorted keys, no spaces, a whole number without its point.

    >>> canonical_json({"b": 5.0, "a": [True, None, 0.5]})
    '{"a":[true,null,0.5],"b":5}'
    """
    return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def inputs_sha256(
    provider: str, model: str, sent: Mapping[str, Any], photos: Mapping[str, Sequence[str]]
) -> str:
    """The digest of a take's inputs.

    sent: prompt and parameters as they are posted, the photos aside. photos: field -> the SHA-256 of the
    bytes of each photo there, or its link where the bytes are not ours.
    """
    inputs = {"provider": provider, "model": model, "sent": sent, "photos": photos}
    return hashlib.sha256(canonical_json(inputs).encode()).hexdigest()


def has_seed(sent: Mapping[str, Any]) -> bool:
    """Is a seed asked for? A negative one asks for chance, as none does."""
    seed = sent.get("seed")
    return isinstance(seed, int) and not isinstance(seed, bool) and seed >= 0


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    whole = isinstance(value, float) and value.is_integer() and abs(value) <= _EXACT
    return int(value) if whole else value
