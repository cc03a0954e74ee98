"""Style: words are added, changed, moved and retired; the template is tried before it is kept."""

from backend.services.access import LOCAL_VIEWER
from backend.services.prompting import vocabulary_admin
from backend.services.prompting.vocabulary import current_vocabulary
from backend.services.prompting.vocabulary_admin import WordDraft
from tests.pages.conftest import words

PAGE = "operate/style.py"


def word(desk, label):
    return next(word for word in current_vocabulary(desk.deps).words if word.label == label)


def test_a_new_word_is_offered_in_the_form(visit, desk):
    app = visit(PAGE)
    app.button_group(key="axis").set_value("camera").run()
    app.text_input(key="word-label-new-camera").set_value("Whip pan").run()
    app.text_area(key="word-words-new-camera").set_value("a fast whip pan").run()
    app.button(key="word-save-new-camera").click().run()
    assert "Whip pan is kept" in words(app)
    assert app.text_input(key="word-label-new-camera").value == ""
    assert "Whip pan" in visit().selectbox(key="form:style:camera").options


def test_a_word_is_changed_where_it_stands(visit, desk):
    still = word(desk, "Still")
    app = visit(PAGE)
    app.text_area(key=f"word-words-{still.id}").set_value("not a breath").run()
    app.button(key=f"word-save-{still.id}").click().run()
    assert word(desk, "Still").words == "not a breath"


def test_a_word_that_is_there_already_is_refused_with_the_reason(visit, desk):
    app = visit(PAGE)
    app.text_input(key="word-label-new-movement").set_value("still").run()
    app.text_area(key="word-words-new-movement").set_value("x").run()
    app.button(key="word-save-new-movement").click().run()
    assert "is there already" in words(app)
    assert app.text_input(key="word-label-new-movement").value == "still"


def test_a_word_is_moved_retired_and_brought_back(visit, desk):
    first, second = current_vocabulary(desk.deps).list_labels("movement")[:2]
    app = visit(PAGE)
    app.button(key=f"word-up-{word(desk, second).id}").click().run()
    assert current_vocabulary(desk.deps).list_labels("movement")[:2] == [second, first]
    app.button(key=f"word-down-{word(desk, second).id}").click().run()
    assert current_vocabulary(desk.deps).list_labels("movement")[:2] == [first, second]
    app.button(key=f"word-retire-{word(desk, first).id}").click().run()
    assert first not in current_vocabulary(desk.deps).list_labels("movement")
    app.button(key=f"word-back-{word(desk, first).id}").click().run()
    assert first in current_vocabulary(desk.deps).list_labels("movement")


def test_a_template_is_tried_kept_and_rolled_back(visit, desk):
    app = visit(PAGE)
    assert app.button(key="template-save").disabled
    app.text_area(key="template:text").set_value("{{ prompt }} / {{ camera }}").run()
    assert "A red dress in the wind / locked-off camera on a tripod" in words(app)
    app.text_input(key="template:note").set_value("shorter").run()
    app.button(key="template-save").click().run()
    assert "Version 2 is used from now on" in words(app)
    assert current_vocabulary(desk.deps).template.note == "shorter"
    app.button(key="roll-back-1").click().run()
    assert current_vocabulary(desk.deps).template.version == 3
    assert app.text_area(key="template:text").value == vocabulary_admin.list_templates(desk.deps)[2].text


def test_a_template_that_reaches_for_attributes_is_refused_in_words(visit, desk):
    app = visit(PAGE)
    app.text_area(key="template:text").set_value("{{ prompt }}{{ prompt.__class__ }}").run()
    assert "reaches for the attribute" in words(app)
    assert app.button(key="template-save").disabled
    assert current_vocabulary(desk.deps).template.version == 1


def test_words_of_a_person_are_text_and_never_markup(visit, desk):
    hostile = "<b>x</b> :red[z] $a$"
    vocabulary_admin.save_word(desk.deps, LOCAL_VIEWER, WordDraft("movement", "[x](http://y)", hostile))
    app = visit(PAGE)
    drawn = [str(item.value) for kind in ("markdown", "caption") for item in app.get(kind)]
    assert not any(":red[z]" in text or "](http" in text for text in drawn)


def test_a_words_example_is_shown_in_the_form_and_words_are_chosen_by_their_examples(visit, desk):
    assert not [key for key in visit().button if (key.key or "").startswith("use-word-")]
    pan, still = word(desk, "Pan"), word(desk, "Still")
    take = desk.take("stored")
    for one in (pan, still):
        draft = WordDraft(one.axis, one.label, one.words, take.id)
        vocabulary_admin.save_word(desk.deps, LOCAL_VIEWER, draft, word_id=one.id)
    app = visit()
    app.button(key=f"use-word-{pan.id}").click().run()
    assert app.selectbox(key="form:style:camera").value == "Pan"
    assert f"Example of {pan.label}" in alts(app)
    vocabulary_admin.retire_word(desk.deps, LOCAL_VIEWER, still.id)
    assert not [key for key in visit().button if key.key == f"use-word-{still.id}"]


def alts(app) -> list[str]:
    """How the pictures on the page are described, popovers included."""
    found = [image.proto.imgs for image in app.get("image")]
    return [picture.alt for pictures in found for picture in pictures]
