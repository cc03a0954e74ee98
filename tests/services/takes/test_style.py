"""Style: the team's words and template, what becomes of a prompt with them, and what is refused."""

from typing import Any

import pytest

from backend.bootstrap import open_deps
from backend.domain.errors import InvalidRequest, NotAllowed, NotFound
from backend.domain.prompt import DEFAULT_VOCABULARY
from backend.models import Trial
from backend.services.access import Role, Viewer
from backend.services.prompting import vocabulary_admin
from backend.services.prompting.template_variables import Variable, VariableKind
from backend.services.prompting.vocabulary import current_vocabulary
from backend.services.prompting.vocabulary_admin import Uses, WordDraft
from backend.services.takes import create
from backend.services.takes.request import repeat_request
from tests import databases
from tests.e2e.launcher import FORKS, calling
from tests.waiting import PATIENCE_S
from tests.world import ADMIN, ANA, at_once, run_sql

pytestmark = databases.BOTH

LOOKER = Viewer("lea", Role.VIEWER)


def word(world, axis: str, label: str):
    return next(word for word in current_vocabulary(world.deps).list_words(axis) if word.label == label)


def composed(world, **style: str) -> str:
    return current_vocabulary(world.deps).compose_prompt(" A coat ", style).text


def faults(act) -> dict[str, str]:
    with pytest.raises(InvalidRequest) as refused:
        act()
    return refused.value.fields


@pytest.mark.databases(None)
@pytest.mark.parametrize(
    ("style", "text", "labels"),
    [
        ({"camera": "Dolly in"}, "A coat. Camera: slow dolly in.", ["Dolly in"]),
        ({"fabric": " SILK "}, "A coat. Fabric: liquid silk with soft, travelling highlights.", ["Silk"]),
        ({"fabric": "recycled sailcloth, frayed."}, "A coat. Fabric: recycled sailcloth, frayed.", [None]),
        ({}, "A coat", []),
        ({"camera": "", "fabric": "   "}, "A coat", []),
        ({"aesthetic": "Film noir", "movement": "Turn", "camera": "Pan"},
         "A coat. Movement: a slow full turn, the garment following half a beat later. Camera: smooth pan "
         "from left to right. Aesthetic: film noir, hard light and deep shadows.",
         ["Turn", "Pan", "Film noir"]),
    ],
    ids=["a word", "however it is written", "own words", "nothing", "empty", "several, in a fixed order"],
)  # fmt: skip
def test_a_new_installations_words_and_template_make_sentences_of_a_style(world, style, text, labels):
    made = current_vocabulary(world.deps).compose_prompt(" A coat ", style)
    assert (made.text, [part.label for part in made.parts], made.template_version) == (text, labels, 1)


def count_words(ready: Any, made: Any) -> None:
    """In a process of its own."""
    deps = open_deps()
    ready.wait(PATIENCE_S)
    made.put(len(current_vocabulary(deps).words))


def test_processes_and_threads_that_start_at_once_write_the_words_once(world):
    run_sql(world.deps, "DELETE FROM word", "DELETE FROM template")  # as no start has been there before
    ready, made = FORKS.Barrier(3), FORKS.Queue()
    others = [calling(count_words, ready, made) for _ in range(2)]
    for other in others:
        other.start()
    ready.wait(PATIENCE_S)
    seen = at_once(8, lambda _: len(current_vocabulary(world.deps).words))
    seen += [made.get(timeout=PATIENCE_S) for _ in others]
    assert set(seen) == {sum(len(words) for words in DEFAULT_VOCABULARY.values())}


def test_a_job_keeps_style_composed_prompt_and_template_version_and_can_be_sent_again(world):
    job = world.ask("A coat", style={"camera": "Dolly in"})
    vocabulary_admin.save_template(world.deps, ADMIN, "{{ prompt }}{% if camera %} ({{ camera }}){% endif %}")
    before = create.create_job(world.deps, ANA, repeat_request(job))
    chosen = world.ask("A coat", style={"camera": "Dolly in"}, template=2)
    vocabulary_admin.promote_template(world.deps, ADMIN, 2)
    later = create.create_job(world.deps, ANA, repeat_request(job))
    old, new = ("A coat. Camera: slow dolly in.", 1), ("A coat (slow dolly in)", 2)
    made = [(one.sent_prompt, one.template_version) for one in (world.job(job), before, chosen, later)]
    assert made == [old, old, new, new], "a draft is used where it is chosen, and by all once it is promoted"
    vocabulary_admin.promote_template(world.deps, ADMIN, 1)
    assert world.ask("A coat").template_version == 1, "and back again"
    assert {version: uses.takes for version, uses in vocabulary_admin.list_uses(world.deps).items()} == {
        1: 3,
        2: 2,
    }
    assert list(world.faults("A coat", template=9)) == ["template"]


def test_a_word_of_the_team_adds_its_words_until_it_is_retired_and_again_when_it_is_back(world):
    whip = vocabulary_admin.save_word(world.deps, ADMIN, WordDraft("camera", "Whip pan", "a fast whip pan."))
    assert composed(world, camera="whip PAN") == "A coat. Camera: a fast whip pan."
    vocabulary_admin.save_word(world.deps, ADMIN, WordDraft("camera", "Whip", "a whip pan"), word_id=whip.id)
    assert composed(world, camera="Whip") == "A coat. Camera: a whip pan."
    vocabulary_admin.retire_word(world.deps, ADMIN, whip.id)
    named = world.faults(style={"camera": "whip", "fabric": "Silk"})
    assert set(named) == {"style.camera"}
    assert "archived" in named["style.camera"]
    assert "Dolly in" in named["style.camera"], "what to use"
    vocabulary_admin.retire_word(world.deps, ADMIN, whip.id, retired=False)
    assert world.ask(style={"camera": "whip"}).sent_prompt.endswith("a whip pan.")


def test_words_can_be_put_in_another_order(world):
    first, second, *rest = current_vocabulary(world.deps).list_labels("fabric")
    for _ in range(2):
        vocabulary_admin.reorder_word(world.deps, ADMIN, word(world, "fabric", second).id, by=-1)
    assert current_vocabulary(world.deps).list_labels("fabric") == [second, first, *rest]


def test_a_word_that_is_empty_too_long_or_there_already_is_refused(world):
    for given, named in (
        ({"label": " ", "words": " . "}, {"label", "words"}),
        ({"label": "x" * 41, "words": "x" * 501}, {"label", "words"}),
        ({"axis": "smell"}, {"axis"}),
        ({"label": "PAN"}, {"label"}),
        ({"words": "a\x07b"}, {"words"}),
        ({"example": "no-such-take"}, {"example"}),
    ):
        draft = WordDraft(**{"axis": "camera", "label": "X", "words": "y", **given})
        assert set(faults(lambda draft=draft: vocabulary_admin.save_word(world.deps, ADMIN, draft))) == named


def test_the_poster_of_a_take_is_the_example_of_a_word_until_it_is_taken_away(world):
    take = world.take(world.until(world.ask(), "stored"))
    pan = word(world, "camera", "Pan")
    kept = []
    for example in (take.job.id, None, ""):
        draft = WordDraft("camera", "Pan", "pan", example)
        kept.append(vocabulary_admin.save_word(world.deps, ADMIN, draft, word_id=pan.id).poster_key)
    assert kept == [take.video.poster_key, take.video.poster_key, None]


def test_a_versions_variables_are_filled_in_kept_with_the_take_and_come_again_with_it(world):
    text = "{{ prompt }}. {{ garment|capitalize }} × {{ count }}{% if mood %}, {{ mood }}{% endif %}"
    asked = [
        Variable("garment", VariableKind.CHOICE, options=("coat", "dress")),
        Variable("count", VariableKind.NUMBER, 1, low=1, high=9), Variable("mood"),
    ]  # fmt: skip
    assert "variables.garment" in faults(
        lambda: vocabulary_admin.save_template(
            world.deps, ANA, text, variables=[Variable("garment", VariableKind.CHOICE), *asked[1:]]
        )
    )
    assert vocabulary_admin.save_template(world.deps, ANA, text, variables=asked).version == 2, "by a creator"
    vocabulary_admin.promote_template(world.deps, ADMIN, 2)
    plain, given = world.ask("Walk"), {"garment": "dress", "count": 3.0, "mood": "calm\u200b"}
    job = world.ask("Walk", variables=given)
    assert [one.sent_prompt for one in (plain, job)] == ["Walk. Coat × 1", "Walk. Dress × 3, calm"]
    assert job.variables == {"garment": "dress", "count": 3, "mood": "calm"}
    assert set(world.faults(variables={"garment": "hat", "count": 10, "moood": "x"})) == {
        "variables.garment", "variables.count", "variables.moood",
    }  # fmt: skip
    assert set(world.faults(variables=["x"])) == {"variables"}
    vocabulary_admin.promote_template(world.deps, ADMIN, 1)
    assert world.ask("Walk").variables is None
    assert set(world.faults(variables=given)) == {"variables.garment", "variables.count", "variables.mood"}
    again = create.create_job(world.deps, ANA, repeat_request(job))
    assert (again.sent_prompt, again.template_version) == (job.sent_prompt, 2), "they belong to their version"
    same = create.create_job(world.deps, ANA, repeat_request(plain, same_template=True))
    assert same.sent_prompt == plain.sent_prompt


def test_a_version_tells_how_many_takes_in_how_many_experiments_it_made(world):
    made = [world.ask("A coat") for _ in range(3)]
    vocabulary_admin.save_template(world.deps, ADMIN, "{{ prompt }}!")
    other = world.ask("A coat", template=2)
    with world.deps.store.begin() as session:
        for number, (job, experiment) in enumerate(
            ((made[0], "a"), (made[1], "a"), (made[1], "b"), (other, "b"))
        ):
            ids = {"id": f"t{number}", "experiment_id": experiment, "cell_id": f"c{number}", "job_id": job.id}
            session.add(Trial(number=1, state="ended", **ids))
    uses = vocabulary_admin.list_uses(world.deps)
    assert uses == {1: Uses(3, 2), 2: Uses(1, 1)}
    assert [one.words() for one in (*uses.values(), Uses(0, 0), Uses(1_200, 0))] == [
        "used by 3 takes in 2 experiments", "used by 1 take in 1 experiment", "not used yet",
        "used by 1,200 takes",
    ]  # fmt: skip


def test_only_an_admin_changes_the_style(world):
    pan = word(world, "camera", "Pan").id
    for act in (
        lambda: vocabulary_admin.save_word(world.deps, ANA, WordDraft("camera", "X", "y")),
        lambda: vocabulary_admin.retire_word(world.deps, ANA, pan),
        lambda: vocabulary_admin.reorder_word(world.deps, ANA, pan, by=1),
        lambda: vocabulary_admin.save_template(world.deps, LOOKER, "{{ prompt }} "),
        lambda: vocabulary_admin.promote_template(world.deps, ANA, 1),
    ):
        with pytest.raises(NotAllowed):
            act()
    with pytest.raises(NotFound):
        vocabulary_admin.promote_template(world.deps, ADMIN, 9)
