"""The words that people read are the trade's: none that was given up for a plainer one is left.

Read from the code, so that what is added later is seen, too: texts of pages, messages of the API, words of
our own components' scripts, and the guides.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
#: Was said -> is said now.
REPLACED = {
    r"^Saved$": "Waiting to send",
    r"(?i)\bon its way\b|\bon their way\b": "In progress",
    r"^In line$|(?i:\b(?:ahead|next|back|stands?|waits?) in line\b|\bown line\b)": "Queued",
    r"^Fetching$|\bbrought home\b": "Downloading",
    r"^Held$|^nothing held$|^since $": "Needs a decision, for",
    r"^Stopp(?:ed|ing)$|(?i:stopped by a person|^it is being stopped\.)": "Cancelled by",
    r"(?i)\bwaits? for you\b": "Needs you",
    r"(?i)nothing moves, nothing waits": "All quiet: nothing in progress",
    r"(?i)\bsends again\b|\bsent again as\b": "Retry of, Retried as",
    r"(?i)keep a picture|\b(?:first|last) picture\b": "Save a frame, First frame, Last frame",
    r"(?i)\bearlier photos\b": "Your photos",
    r"^Use again$|(?i:\buse it again\b)": "Edit and rerun",
    r"Any, or type|^Choose, or type": "Choose or type your own",
    r"(?i)\byour own words\b|^own words$": "custom",
    r"(?i)this is what is sent": "Final prompt",
    r"^Payload$": "Request (JSON)",
    r"(?i)\bor multi prompt\b": "Prompt (or shots)",
    r"(?i)\ba first guess\b": "estimate",
    r"(?i)\bnobody knows yet how long\b": "No timing yet",
    r"(?i)put right what is marked|\bthe form stays as it is\b": "Fix the highlighted fields",
    r"^Left out:": "This model doesn't use:",
    r"This photo can't be used": "the number and the limit",
    r"(?i)billing page knows": "check fal billing",
    r"(?i)\bbroke down\b": "The model failed at fal",
    r"(?i)\bfiles? (?:is|are) ours\b": "Saved and verified",
    r"^Retired?\b|^Words that it adds$|(?i:\bis retired;)": "Archive, Prompt text",
    r"^Why$|^For colleagues$": "Change note",
    r"(?i)\bc(?:ame|omes) with the program\b": "Built in",
    r"(?i)\bsoft limit\b": "Over the warning level; not blocked",
    r"^At risk$": "May have been charged",
    r"(?i)^estimates and bills$": "estimated + billed",
    r"^Due now$|^wait for a look$": "Jobs due",
    r"^genuine\b": "verified",
    r"\bheard of \{|\bwas heard of\b|\bin hand$|\bswept last$": "Last seen, idle, ran last sweep",
    r"^Asking$|^Calling$": "Checking status, Blocking calls",
    r"^Worker trouble$|takes are kept and wait\. Start": "Rendering is paused",
    r"^Came$|\bWhat came\*\*|^Its take$": "Received, Open take",
    r"^Not known$|(?i:^price unknown|\bnobody knows its price\b)": "Price unavailable",
}
#: The same, of which a guide says nothing that is no label: a word that stands alone, in italics or bold.
IN_GUIDES = re.compile(r"(?<!\w)\*{1,2}([^*\n]{3,60})\*{1,2}|“([^”\n]{3,60})”")


def texts_of(code: str) -> Iterator[str]:
    """Every text of some code as people would see it, `{}` for what is filled in; docstrings aside."""
    tree, apart = ast.parse(code), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            apart.add(id(node.value))
        if isinstance(node, ast.JoinedStr):
            apart |= {id(part) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in apart:
            yield node.value


def texts_of_script(code: str) -> Iterator[str]:
    """The texts between quotes of a component's script."""
    for double, back in re.findall(r'"([^"\n]*)"|`([^`]*)`', code):
        yield double or re.sub(r"\$\{[^}]*\}", "{}", back)


def old_words(texts: Iterator[str]) -> list[tuple[str, str]]:
    """The texts that hold a word which was replaced, each with what is said now."""
    return [(text, now) for text in texts for was, now in REPLACED.items() if re.search(was, text)]


def test_no_word_that_was_replaced_is_left_in_what_people_read():
    found = {}
    for room in ("backend", "pages"):
        for path in sorted((ROOT / room).rglob("*.py")):
            found[str(path.relative_to(ROOT))] = old_words(texts_of(path.read_text()))
    for path in sorted((ROOT / "pages").rglob("*.js")):
        found[str(path.relative_to(ROOT))] = old_words(texts_of_script(path.read_text()))
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        labels = (one or other for one, other in IN_GUIDES.findall(path.read_text()))
        found[path.name] = old_words(labels)
    assert {name: texts for name, texts in found.items() if texts} == {}


@pytest.mark.parametrize(
    ("text", "caught"),
    [
        ('Look("Saved", "x")', True), ('notify("Saved. You can close this tab.")', False),
        ('f"{n} ahead in line"', True), ('f"{n} ahead"', False), ('st.button("Use again")', True),
        ('"""Sends again."""\n', False), ('st.expander("Payload")', True), ('column = "payload"', False),
        ('f"heard of {ago}"', True), ('words = "Worker trouble"', True),
    ],
)  # fmt: skip
def test_control_a_word_that_was_replaced_is_told_from_others(text, caught):
    assert bool(old_words(texts_of(text))) == caught


# -- what is read out loud ---------------------------------------------------------------------

#: The kit's elements with a label that browsers read out as it is written.
LABELLED = frozenset(
    {"button", "selectbox", "pills", "segmented_control", "text_input", "text_area", "toggle", "checkbox",
     "slider", "select_slider", "number_input", "popover", "expander", "download_button", "page_link",
     "form_submit_button", "menu_button", "file_uploader", "date_input", "multiselect", "radio"}
)  # fmt: skip


def icons_for_labels(code: str) -> list[str]:
    """Labels of elements that hold an icon's name: it is read out instead of a word."""
    calls = (node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call) and node.args)
    return [
        ast.unparse(call.args[0])
        for call in calls
        if isinstance(call.func, ast.Attribute) and call.func.attr in LABELLED
        if ":material/" in ast.unparse(call.args[0])
    ]


def test_every_label_is_a_word_and_no_icons_name():
    found = {
        str(path.relative_to(ROOT)): icons_for_labels(path.read_text())
        for path in sorted((ROOT / "pages").rglob("*.py"))
    }
    assert {name: labels for name, labels in found.items() if labels} == {}


@pytest.mark.parametrize(
    ("code", "caught"),
    [
        ('st.button(":material/close:", help="Remove")', True),
        ('st.selectbox(f":material/{icon}: Camera", words)', True),
        ('st.button("Remove", icon=":material/close:")', False),
        ('st.caption(":material/info: Beside a text an icon is fine")', False),
    ],
)  # fmt: skip
def test_control_a_label_with_an_icons_name_is_caught(code, caught):
    assert bool(icons_for_labels(code)) == caught
