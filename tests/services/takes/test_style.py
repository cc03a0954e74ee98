"""Style: the team's words and template, what becomes of a prompt with them, and what is refused."""

import subprocess
import sys
import threading

import pytest

from backend.domain.errors import InvalidRequest, NotAllowed, NotFound
from backend.services.prompting import vocabulary_admin
from backend.services.prompting.vocabulary import current_vocabulary
from backend.services.prompting.vocabulary_admin import WordDraft
from backend.services.takes import create
from backend.services.takes.request import repeat_request
from tests import databases
from tests.world import ADMIN, ANA

pytestmark = databases.BOTH


def word(deps, axis: str, label: str):
    return next(word for word in current_vocabulary(deps).list_words(axis) if word.label == label)


def faults(act) -> dict[str, str]:
    with pytest.raises(InvalidRequest) as refused:
        act()
    return refused.value.fields


def test_a_new_installation_starts_with_words_and_a_template(world):
    assert current_vocabulary(world.deps).compose_prompt("A red dress", {"camera": "Dolly in"}).text == (
        "A red dress. Camera: slow dolly in."
    )
    assert current_vocabulary(world.deps).template.version == 1
    assert len(current_vocabulary(world.deps).words) > 24


def test_many_processes_and_threads_that_start_at_once_write_the_words_once(world):
    code = (
        "from backend.bootstrap import open_deps;"
        "from backend.services.prompting.vocabulary import current_vocabulary;"
        "print(len(current_vocabulary(open_deps()).words))"
    )
    others = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    threads = [threading.Thread(target=current_vocabulary, args=(world.deps,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    told = {other.communicate(timeout=60)[0].strip() for other in others}
    assert told == {str(len(current_vocabulary(world.deps).words))}


@pytest.mark.parametrize("written", ["silk", " SILK ", "Silk"])
def test_a_word_is_known_however_it_is_written(world, written):
    made = current_vocabulary(world.deps).compose_prompt("A coat", {"fabric": written})
    assert made.text == "A coat. Fabric: liquid silk with soft, travelling highlights."
    assert [(part.axis, part.label) for part in made.parts] == [("fabric", "Silk")]


def test_own_words_stand_as_they_are_and_count_as_own(world):
    made = current_vocabulary(world.deps).compose_prompt("A coat", {"fabric": "recycled sailcloth, frayed."})
    assert made.text == "A coat. Fabric: recycled sailcloth, frayed."
    assert made.parts[0].label is None


@pytest.mark.parametrize("empty", [{}, {"camera": ""}, {"camera": "   "}])
def test_an_axis_that_says_nothing_adds_nothing(world, empty):
    assert current_vocabulary(world.deps).compose_prompt(" A coat ", empty).text == "A coat"


def test_axes_follow_each_other_in_a_fixed_order(world):
    chosen = {"aesthetic": "Film noir", "movement": "Turn", "camera": "Pan", "fabric": "Silk"}
    assert current_vocabulary(world.deps).compose_prompt("A red dress", chosen).text == (
        "A red dress. Movement: a slow full turn, the garment following half a beat later. "
        "Fabric: liquid silk with soft, travelling highlights. Camera: smooth pan from left to right. "
        "Aesthetic: film noir, hard light and deep shadows."
    )


def test_a_job_keeps_style_composed_prompt_and_template_version(world):
    job = world.job(world.ask("A coat", style={"camera": "Dolly in"}))
    assert (job.style, job.sent_prompt, job.template_version) == (
        {"camera": "Dolly in"}, "A coat. Camera: slow dolly in.", 1,
    )  # fmt: skip
    vocabulary_admin.save_template(world.deps, ADMIN, "{{ prompt }}{% if camera %} ({{ camera }}){% endif %}")
    later = world.job(world.ask("A coat", style={"camera": "Dolly in"}))
    assert (later.sent_prompt, later.template_version) == ("A coat (slow dolly in)", 2)
    assert world.job(job).sent_prompt == "A coat. Camera: slow dolly in."


def test_a_word_of_the_team_adds_its_words(world):
    vocabulary_admin.save_word(world.deps, ADMIN, WordDraft("camera", "Whip pan", "a fast whip pan."))
    assert (
        current_vocabulary(world.deps).compose_prompt("A coat", {"camera": "whip PAN"}).text
        == "A coat. Camera: a fast whip pan."
    )
    old = word(world.deps, "camera", "Whip pan")
    vocabulary_admin.save_word(world.deps, ADMIN, WordDraft("camera", "Whip", "a whip pan"), word_id=old.id)
    assert (
        current_vocabulary(world.deps).compose_prompt("A coat", {"camera": "Whip"}).text
        == "A coat. Camera: a whip pan."
    )


def test_a_retired_word_is_refused_by_name_with_what_to_use(world):
    vocabulary_admin.retire_word(world.deps, ADMIN, word(world.deps, "camera", "Pan").id)
    named = faults(lambda: world.ask(style={"camera": "pan", "fabric": "Silk"}))
    assert set(named) == {"style.camera"}
    assert "retired" in named["style.camera"]
    assert "Dolly in" in named["style.camera"]
    vocabulary_admin.retire_word(world.deps, ADMIN, word(world.deps, "camera", "Pan").id, retired=False)
    assert world.ask(style={"camera": "pan"}).sent_prompt.endswith("smooth pan from left to right.")


def test_words_can_be_put_in_another_order(world):
    labels = current_vocabulary(world.deps).list_labels("fabric")
    vocabulary_admin.reorder_word(world.deps, ADMIN, word(world.deps, "fabric", labels[1]).id, by=-1)
    vocabulary_admin.reorder_word(world.deps, ADMIN, word(world.deps, "fabric", labels[1]).id, by=-1)
    assert current_vocabulary(world.deps).list_labels("fabric") == [
        labels[1],
        labels[0],
        *labels[2:],
    ]


def test_a_word_that_is_empty_too_long_or_there_already_is_refused(world):
    def save(**given):
        return lambda: vocabulary_admin.save_word(
            world.deps, ADMIN, WordDraft(**{"axis": "camera", "label": "X", "words": "y", **given})
        )

    assert set(faults(save(label=" ", words=" . "))) == {"label", "words"}
    assert set(faults(save(label="x" * 41, words="x" * 501))) == {"label", "words"}
    assert set(faults(save(axis="smell"))) == {"axis"}
    assert set(faults(save(label="PAN"))) == {"label"}
    assert set(faults(save(words="a\u202eb"))) == {"words"}
    assert set(faults(save(example="no-such-take"))) == {"example"}


def test_the_poster_of_a_take_is_the_example_of_a_word_until_it_is_taken_away(world):
    take = world.take(world.until(world.ask(), "stored"))
    pan = word(world.deps, "camera", "Pan")

    def poster_key(example):
        draft = WordDraft("camera", "Pan", "pan", example)
        return vocabulary_admin.save_word(world.deps, ADMIN, draft, word_id=pan.id).poster_key

    assert poster_key(take.job.id) == take.video.poster_key
    assert poster_key(None) == take.video.poster_key
    assert poster_key("") is None


def test_a_refused_template_leaves_the_old_one(world):
    for text in ("{% for i in range(9) %}{% endfor %}", "{{ prompt.__class__ }}", "{{ prompt"):
        assert set(faults(lambda text=text: vocabulary_admin.save_template(world.deps, ADMIN, text))) == {
            "template"
        }
    assert current_vocabulary(world.deps).template.version == 1


def test_a_template_can_be_tried_without_being_kept(world):
    made = vocabulary_admin.preview_template(
        world.deps, "{{ prompt }} - {{ camera }}", "A coat", {"camera": "Pan"}
    )
    assert (made.text, made.template_version) == ("A coat - smooth pan from left to right", 2)
    assert current_vocabulary(world.deps).template.version == 1


def test_an_earlier_template_can_be_used_again_and_no_version_is_lost(world):
    vocabulary_admin.save_template(world.deps, ADMIN, "{{ prompt }}!", note="louder")
    vocabulary_admin.roll_back_template(world.deps, ADMIN, 1)
    assert [(row.version, row.note) for row in vocabulary_admin.list_templates(world.deps)] == [
        (3, "as version 1"), (2, "louder"), (1, "comes with the program"),
    ]  # fmt: skip
    assert (
        current_vocabulary(world.deps)
        .compose_prompt("A coat", {"camera": "Pan"})
        .text.startswith("A coat. Camera")
    )
    with pytest.raises(NotFound):
        vocabulary_admin.roll_back_template(world.deps, ADMIN, 9)


def test_only_an_admin_changes_the_style(world):
    for act in (
        lambda: vocabulary_admin.save_word(world.deps, ANA, WordDraft("camera", "X", "y")),
        lambda: vocabulary_admin.retire_word(world.deps, ANA, word(world.deps, "camera", "Pan").id),
        lambda: vocabulary_admin.reorder_word(world.deps, ANA, word(world.deps, "camera", "Pan").id, by=1),
        lambda: vocabulary_admin.save_template(world.deps, ANA, "{{ prompt }}"),
        lambda: vocabulary_admin.roll_back_template(world.deps, ANA, 1),
    ):
        with pytest.raises(NotAllowed):
            act()


def test_what_was_asked_for_holds_everything_that_sending_again_needs(world):
    job = world.ask(style={"camera": "Pan"})
    assert repeat_request(job).images == {}
    assert create.create_job(world.deps, ANA, repeat_request(job)).sent_prompt == job.sent_prompt
