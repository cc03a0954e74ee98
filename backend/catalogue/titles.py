"""Titles of providers and models, which tell them apart: people choose by them, addresses hold them."""

from collections.abc import Mapping

#: What people read of a provider, where that is not its name.
_PROVIDERS = {"blackbox": "Blackbox"}


def provider_title(name: str) -> str:
    """What a provider is called on pages and in messages."""
    return _PROVIDERS.get(name, name)


def disambiguate_titles(titles: Mapping[str, str]) -> dict[str, str]:
    """A title of its own for each model that shares one, by its id; {} when no two are the same.

    titles: id -> title. A model that shares its title gets the part of its id that differs from the
    others' besides, in brackets.

    >>> disambiguate_titles({"a/k/pro/text": "K", "a/k/lite/text": "K", "b/w": "W"})
    {'a/k/pro/text': 'K (pro)', 'a/k/lite/text': 'K (lite)'}
    """
    sharing: dict[str, list[str]] = {}
    for model_id, title in titles.items():
        sharing.setdefault(title.casefold(), []).append(model_id)
    taken = {title for title, ids in sharing.items() if len(ids) == 1}
    apart = {}
    for ids in sharing.values():
        for model_id, part in _differing(ids).items() if len(ids) > 1 else ():
            title = f"{titles[model_id]} ({part})"
            if title.casefold() in taken:
                title = f"{titles[model_id]} ({model_id})"
            taken.add(title.casefold())
            apart[model_id] = title
    return apart


def _differing(ids: list[str]) -> dict[str, str]:
    """id -> what is left of it without the parts that all of them start and end with."""
    split = {model_id: model_id.split("/") for model_id in ids}
    head = _shared(list(split.values()))
    tail = _shared([parts[head:][::-1] for parts in split.values()])
    left = {model_id: "/".join(parts[head : len(parts) - tail]) for model_id, parts in split.items()}
    return {model_id: part or model_id for model_id, part in left.items()}


def _shared(lists: list[list[str]]) -> int:
    """How many parts all of these start with."""
    count = 0
    for parts in zip(*lists, strict=False):
        if len(set(parts)) > 1:
            break
        count += 1
    return count
