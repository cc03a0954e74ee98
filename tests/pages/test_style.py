"""Style: words are added, changed, moved and retired; the template is tried before it is kept."""

from backend.services.prompting import vocabulary_admin
from backend.services.prompting.vocabulary import current_vocabulary
from backend.services.prompting.vocabulary_admin import WordDraft
from tests.pages.conftest import filled, words
from tests.viewers import LOCAL_VIEWER

PAGE = "operate/style.py"


def difference(app) -> str:
    return "".join(item.proto.body for item in app.get("html") if item.proto.body.startswith("<p class"))


def word(desk, label):
    return next(word for word in current_vocabulary(desk.deps).words if word.label == label)


def test_a_new_word_is_offered_in_the_form_refused_a_second_time_and_changed_where_it_stands(visit, desk):
    def add(label):
        app.text_input(key="word-label-new-camera").set_value(label).run()
        app.text_area(key="word-words-new-camera").set_value("a fast whip pan").run()
        app.button(key="word-save-new-camera").click().run()
        return words(app)

    app = visit(PAGE)
    app.button_group(key="axis").set_value("camera").run()
    assert "Whip pan is kept" in add("Whip pan")
    assert app.text_input(key="word-label-new-camera").value == ""
    assert "Whip pan" in visit().selectbox(key="form:style:camera").options
    assert "is there already" in add("whip PAN")
    assert app.text_input(key="word-label-new-camera").value == "whip PAN"
    made = word(desk, "Whip pan").id
    app.text_area(key=f"word-words-{made}").set_value("\ufeffa faster\u200b one").run()
    app.button(key=f"word-save-{made}").click().run()
    assert word(desk, "Whip pan").words == "a faster one"
    assert "2 invisible characters were removed." in words(app)


def test_a_word_is_moved_retired_and_brought_back(visit, desk):
    def labels():
        return current_vocabulary(desk.deps).list_labels("movement")

    first, second = labels()[:2]
    app = visit(PAGE)
    app.button(key=f"word-up-{word(desk, second).id}").click().run()
    assert labels()[:2] == [second, first]
    app.button(key=f"word-down-{word(desk, second).id}").click().run()
    assert labels()[:2] == [first, second]
    app.button(key=f"word-retire-{word(desk, first).id}").click().run()
    assert first not in labels()
    app.button(key=f"word-back-{word(desk, first).id}").click().run()
    assert first in labels()


def test_a_template_is_tried_refused_in_words_kept_and_rolled_back(visit, desk):
    app = visit(PAGE)
    assert app.button(key="template-save").disabled
    app.text_area(key="template:text").set_value("{{ prompt }}{{ prompt.__class__ }}").run()
    assert "reaches for the attribute" in words(app)
    assert app.button(key="template-save").disabled
    app.text_area(key="template:text").set_value("{{ prompt }} / {{ camera }}").run()
    assert "A red dress in the wind / locked-off camera on a tripod" in words(app)
    app.text_input(key="template:note").set_value("shorter").run()
    app.button(key="template-save").click().run()
    assert "Draft 2 is kept" in words(app)
    assert current_vocabulary(desk.deps).template.version == 1, "takes are made as before"
    assert app.button(key="promote-template-2").label == "Use in production"
    assert "{{ prompt }}<del>" in difference(app)
    assert "<ins>camera</ins>" in difference(app), "what changed stands word by word"
    desk.take("stored", template=2)
    app.button(key="promote-template-2").click().run()
    assert current_vocabulary(desk.deps).template.note == "shorter"
    assert "used by 1 take" in words(app)
    assert app.button(key="promote-template-1").label == "Roll back to it"
    app.button(key="promote-template-1").click().run()
    assert current_vocabulary(desk.deps).template.version == 1
    assert len(vocabulary_admin.list_templates(desk.deps)) == 2, "no version is lost or made"


def test_a_templates_variables_are_declared_where_it_names_them_and_a_slip_is_seen(visit, desk):
    app = visit(PAGE)
    app.text_area(key="template:text").set_value("{{ prompt }} {{ garment }} {{ n }} {{ camra }}").run()
    assert "camra is a variable of its own. Is camera meant?" in words(app)
    app.text_area(key="template:text").set_value("{{ prompt }} {{ garment }} {{ n }}").run()
    app.selectbox(key="template:variable:garment:kind").set_value("choice")
    app.selectbox(key="template:variable:n:kind").set_value("number").run()
    assert "garment needs 1 to 50 options" in words(app)
    assert app.button(key="template-save").disabled
    app.text_area(key="template:variable:garment:options").set_value("coat\ndress")
    app.number_input(key="template:variable:n:number").set_value(2)
    app.number_input(key="template:variable:n:high").set_value(5).run()
    assert "A red dress in the wind coat 2" in words(app)
    app.button(key="template-save").click().run()
    asked = current_vocabulary(desk.deps).list_variables(2)
    assert [(one.name, one.kind, one.start, one.options, one.high) for one in asked] == [
        ("garment", "choice", "coat", ("coat", "dress"), None), ("n", "number", 2, (), 5),
    ]  # fmt: skip
    assert "Variables before: none. After: garment (choice), n (number)." in words(app).replace("\\", "")
    app.switch_page("studio/generate.py").run()
    app.switch_page(PAGE).run()
    assert app.text_area(key="template:variable:garment:options").value == "coat\ndress", "as it was kept"
    assert app.button(key="template-save").disabled, "nothing has changed"


def test_a_draft_of_the_template_is_chosen_for_a_take_in_the_form(visit, desk):
    assert "form:template" not in visit().session_state, "there is nothing to choose from"
    vocabulary_admin.save_template(desk.deps, LOCAL_VIEWER, "{{ prompt }} / {{ camera }}", note="shorter")
    app = filled(visit)
    assert desk.generate(app).template_version == 1
    app.selectbox(key="form:template").set_value(2).run()
    assert "A red dress /" in app.code[0].value
    job = desk.generate(app)
    assert (job.template_version, job.sent_prompt) == (2, "A red dress /")
    assert visit().selectbox(key="form:template").value == 2, "the draft of the form has it"


def test_words_of_a_person_are_text_and_never_markup(visit, desk):
    hostile = "<b>x</b> :red[z] $a$"
    vocabulary_admin.save_word(desk.deps, LOCAL_VIEWER, WordDraft("movement", "[x](http://y)", hostile))
    vocabulary_admin.save_template(desk.deps, LOCAL_VIEWER, "{{ prompt }} <b>&</b>")
    app = visit(PAGE)
    assert "&lt;b&gt;&amp;&lt;/b&gt;" in difference(app)
    drawn = [str(item.value) for kind in ("markdown", "caption") for item in app.get(kind)]
    assert not any(":red[z]" in text or "](http" in text for text in drawn)


def test_a_words_example_is_shown_in_the_form_and_words_are_chosen_by_their_examples(visit, desk):
    def choices(app):
        return [button.key for button in app.button if (button.key or "").startswith("use-word-")]

    assert choices(visit()) == []
    pan, still = word(desk, "Pan"), word(desk, "Still")
    take = desk.take("stored")
    for one in (pan, still):
        draft = WordDraft(one.axis, one.label, one.words, take.id)
        vocabulary_admin.save_word(desk.deps, LOCAL_VIEWER, draft, word_id=one.id)
    app = visit()
    assert set(choices(app)) == {f"use-word-{pan.id}", f"use-word-{still.id}"}
    app.button(key=f"use-word-{pan.id}").click().run()
    assert app.selectbox(key="form:style:camera").value == "Pan"
    alts = [picture.alt for image in app.get("image") for picture in image.proto.imgs]  # popovers included
    assert f"Example of {pan.label}" in alts
    vocabulary_admin.retire_word(desk.deps, LOCAL_VIEWER, still.id)
    assert choices(visit()) == [f"use-word-{pan.id}"]
