"""What makes the next take quicker: presets, favourite models, models used lately."""

import json
from collections.abc import Sequence

from sqlmodel import Session

from backend.domain.access.roles import Do
from backend.domain.errors import InvalidRequest, NotAllowed, NotFound
from backend.domain.text import clean_text, fault_in
from backend.models import Favourite, Preset
from backend.services.access import Viewer
from backend.services.audit.record import Action, Changes, record
from backend.services.deps import Deps
from backend.services.takes import photos
from backend.services.takes.request import TakeRequest, parse_request
from backend.store.records import presets

#: A name is read in a list.
NAME_MAX_CHARS = 60
#: A form with the longest prompt fits; whatever is larger is none.
FORM_MAX_BYTES = 128 * 1024
#: What belongs to one take, and to no form that is used again.
OF_ONE_TAKE = ("project", "collections", "made_from")
#: More than anybody finds again.
PRESETS_MAX = 200
#: Models used lately are looked for among this many of somebody's newest takes.
RECENT_TAKES = 60
#: And at most so many of them are offered first.
RECENT_MODELS = 5


def save_preset(
    deps: Deps, viewer: Viewer, name: str, request: TakeRequest, *, shared: bool = False
) -> Preset:
    """Keep a request under a name, over what this viewer kept under it before.

    request: it need not be complete. shared: the whole team may apply it.

    Raises:
        NotAllowed: the viewer may not start takes.
        InvalidRequest: names every field at fault.
    """
    viewer.must(Do.SAVE_PRESETS)
    name = " ".join(clean_text(name).split())
    if faults := _faults(name, request):
        raise InvalidRequest(faults)
    preset = Preset(
        id=deps.clock.new_id(),
        owner=viewer.name,
        name=name,
        folded=name.casefold(),
        shared=shared,
        form={name: value for name, value in request.body.items() if name not in OF_ONE_TAKE},
        changed_at=deps.clock.now(),
    )
    with deps.store.begin() as session:
        if presets.count_owned(session, viewer.owner_names) >= PRESETS_MAX:
            raise InvalidRequest({"name": f"you have {PRESETS_MAX} presets; delete one first"})
        kept = presets.upsert_preset(session, preset, viewer.owner_names)
        _record(
            deps, session, viewer, Action.PRESET_SAVED, kept, {"name": (None, name), "shared": (None, shared)}
        )
        return kept


def list_presets(deps: Deps, viewer: Viewer) -> Sequence[Preset]:
    """What this viewer may apply: their own and the team's, by name."""
    viewer.must(Do.SEE)
    with deps.store.read() as session:
        return presets.list_visible(session, viewer.owner_names)


def apply_preset(deps: Deps, viewer: Viewer, preset_id: str) -> tuple[TakeRequest, list[str]]:
    """The request, and in words what could not be taken over: photos that are somebody else's.

    Raises:
        NotFound: there is none with that id that this viewer may apply.
    """
    viewer.must(Do.SEE)
    form = _get(deps, viewer, preset_id).form
    request, lost = parse_request(form), []
    image, images = request.image, dict(request.images)
    if image and not _may_use(deps, viewer, image):
        image = None
        lost.append("its photo is somebody else's, so it is left out")
    for field, given in request.images.items():
        if not all(_may_use(deps, viewer, one) for one in ([given] if isinstance(given, str) else given)):
            del images[field]
            lost.append(f"the photo in {field} is somebody else's, so it is left out")
    return parse_request({**form, "image": image, "images": images}), lost


def delete_preset(deps: Deps, viewer: Viewer, preset_id: str) -> Preset:
    """Delete a preset; returns it, so that `restore_preset` can have it back.

    Raises:
        NotFound: there is none with that id that this viewer may see.
        NotAllowed: it is a colleague's, or the viewer may not save presets.
    """
    viewer.must(Do.SAVE_PRESETS)
    preset = _get(deps, viewer, preset_id)
    if not (viewer.owns(preset.owner) or viewer.may(Do.REMOVE_OTHERS_PRESETS)):
        why = f"{preset.name!r} is {preset.owner}'s; only they or an admin can delete it."
        raise NotAllowed(why, status=403, deed=Do.REMOVE_OTHERS_PRESETS)
    with deps.store.begin() as session:
        presets.delete_preset(session, preset_id)
        changed = {"name": (preset.name, None), "owner": (preset.owner, None)}
        _record(deps, session, viewer, Action.PRESET_DELETED, preset, changed)
    return Preset(**preset.model_dump())


def restore_preset(deps: Deps, viewer: Viewer, preset: Preset) -> Preset:
    """Have a preset back that was just deleted, with its owner; over one that has its name by now.

    Raises NotAllowed: it is a colleague's, or the viewer may not save presets.
    """
    viewer.must(Do.SAVE_PRESETS)
    if not (viewer.owns(preset.owner) or viewer.may(Do.REMOVE_OTHERS_PRESETS)):
        why = f"{preset.name!r} is {preset.owner}'s; only they or an admin can restore it."
        raise NotAllowed(why, status=403, deed=Do.REMOVE_OTHERS_PRESETS)
    changed: Changes = {"name": (None, preset.name), "owner": (None, preset.owner)}
    with deps.store.begin() as session:
        kept = presets.upsert_preset(session, preset, [preset.owner])
        _record(deps, session, viewer, Action.PRESET_SAVED, kept, changed)
        return kept


def list_favourites(deps: Deps, viewer: Viewer) -> list[str]:
    """Ids of the models that this viewer wants to find first."""
    viewer.must(Do.SEE)
    with deps.store.read() as session:
        return list(presets.list_favourites(session, viewer.owner_names))


def set_favourite(deps: Deps, viewer: Viewer, model_id: str, *, wanted: bool) -> None:
    """Make a model a favourite of this viewer, or none."""
    viewer.must(Do.SAVE_FAVOURITES)
    with deps.store.begin() as session:
        if wanted:
            row = Favourite(owner=viewer.name, model=model_id, at=deps.clock.now())
            presets.add_favourite(session, row)
        else:
            presets.remove_favourite(session, viewer.owner_names, model_id)


def recent_models(deps: Deps, viewer: Viewer) -> list[str]:
    """Ids of the models that this viewer used lately, the latest first."""
    viewer.must(Do.SEE)
    with deps.store.read() as session:
        used = presets.newest_models(session, viewer.owner_names, takes=RECENT_TAKES)
    return list(dict.fromkeys(used))[:RECENT_MODELS]


def _record(
    deps: Deps, session: Session, viewer: Viewer, action: Action, preset: Preset, changed: Changes
) -> None:
    record(session, deps, viewer, action, object_type="preset", object_id=preset.id, changed=changed)


def _get(deps: Deps, viewer: Viewer, preset_id: str) -> Preset:
    with deps.store.read() as session:
        preset = presets.get(session, preset_id)
    if not (viewer.owns(preset.owner) or preset.shared):
        raise NotFound("There is no preset with that id.")
    return preset


def _may_use(deps: Deps, viewer: Viewer, image: str) -> bool:
    if ":" in image or "/" in image:
        return True
    try:
        photos.get_upload(deps, viewer, image)
    except NotFound:
        return False
    return True


def _faults(name: str, request: TakeRequest) -> dict[str, str]:
    faults = dict(request.faults)
    if not name:
        faults["name"] = "is missing; say what this is for"
    elif len(name) > NAME_MAX_CHARS:
        faults["name"] = f"has {len(name)} characters; at most {NAME_MAX_CHARS} fit"
    elif fault := fault_in(name):
        faults["name"] = fault
    if len(json.dumps(dict(request.body), default=repr)) > FORM_MAX_BYTES:
        faults["form"] = "is too large to be kept"
    return faults
