"""Every button and every link of every page is pressed by a test, which then looks at what it did.

Read from the code of both: a button counts as pressed where a test clicks its key
(`app.button(key=…).click()`), a link where a test looks up where it leads (`link(app, …)`), a button of our
own scripts where the real browser clicks its name; and the same test must assert something afterwards.
Parts of a key may be known only when a page is drawn: of several keys that fit, the longest is meant.
"""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TESTS = sorted(
    path for part in ("pages", "e2e/stories") for path in (ROOT / "tests" / part).glob("test_*.py")
)
BUTTONS = {"button", "form_submit_button", "download_button", "menu_button"}
LINKS = {"link_button", "page_link"}
#: How the scripts of our own components name their buttons.
_NAMED = (
    r'press\((?:null|"\w+"), (?:"([^"]+)"|`([^`]+)`)',
    r'button\.title = "([^"]+)"',
    r'lightKey\("\w+", "([^"]+?)(?: \([^)]*\))?"',  # without the key that does the same
)
SCRIPTED = re.compile("|".join(_NAMED))


def pattern(node: ast.expr | None) -> str | None:
    """A text of the code, with * for what is only known when it runs; None when nothing of it is known."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(str(part.value) if isinstance(part, ast.Constant) else "*" for part in parts)
    return None


def argument(call: ast.Call, name: str, place: int | None = None) -> ast.expr | None:
    """An argument by its name, or by its place."""
    named = next((word.value for word in call.keywords if word.arg == name), None)
    return named or (call.args[place] if place is not None and len(call.args) > place else None)


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    """(the last part of what is called, the call) for every call."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func).rpartition(".")[2], node


def drawn_by(source: str) -> list[str | None]:
    """The keys of the buttons, and the labels of the links, that a page's code draws."""
    return [
        pattern(argument(call, "key") if name in BUTTONS else argument(call, "label", 0))
        for name, call in calls(ast.parse(source))
        if name in BUTTONS | LINKS
    ]


def pressed_by(source: str) -> set[str]:
    """What a file of tests presses, in tests that assert something afterwards."""
    pressed = set()
    for function in ast.walk(ast.parse(source)):
        if not isinstance(function, ast.FunctionDef) or not function.name.startswith("test_"):
            continue
        looks = [node.lineno for node in ast.walk(function) if isinstance(node, ast.Assert)]
        looks += [call.lineno for name, call in calls(function) if name in ("expect", "wait_for_function")]
        for name, call in calls(function):
            if name == "link":
                target = argument(call, "label", 1)
            elif name == "click" and isinstance(call.func, ast.Attribute):
                inner = dict(calls(call.func.value))
                button = next((inner[name] for name in BUTTONS if name in inner), None)
                role = inner.get("get_by_role")
                target = argument(button, "key") if button else argument(role, "name") if role else None
            else:
                continue
            if (said := pattern(target)) and any(line >= call.lineno for line in looks):
                pressed.add(re.sub(r" \([^)]*\)$", "", said))  # the key that does the same
    return pressed


def not_pressed(drawn: set[str], pressed: set[str]) -> set[str]:
    """What is drawn, and never pressed."""
    left = set(drawn)
    for said in pressed:
        fitting = [name for name in drawn if fits(name, said)]
        left -= set(sorted(fitting, key=lambda name: len(name.replace("*", "")))[-1:])
    return left


def fits(drawn: str, pressed: str) -> bool:
    """Can this be the key that a test presses?"""
    parts = [re.escape(part) for part in drawn.split("*")]
    return re.fullmatch(".*".join(parts), pressed.replace("*", "§")) is not None


def drawn_by_pages() -> list[str | None]:
    pages = ROOT / "pages"
    scripted = [names for path in pages.rglob("*.js") for names in SCRIPTED.findall(path.read_text())]
    drawn = [re.sub(r"\$\{\w+\}", "*", next(filter(None, names))) for names in scripted]
    return drawn + drawn_by_the_kit()


def drawn_by_the_kit() -> list[str | None]:
    return [name for path in (ROOT / "pages").rglob("*.py") for name in drawn_by(path.read_text())]


def test_every_button_has_a_key_of_its_own_and_every_link_a_label():
    drawn = drawn_by_the_kit()
    assert None not in drawn, "a key or label that can be read from the code"
    assert [name for name, number in Counter(drawn).items() if number > 1] == []


def test_every_button_and_link_of_every_page_is_pressed():
    drawn = set(drawn_by_pages())
    pressed = {name for path in TESTS for name in pressed_by(path.read_text())}
    assert len(drawn) > 40, "they are found"
    assert sorted(not_pressed(drawn, pressed)) == []


PAGE = 'st.button("Keep", key=f"keep-{take.id}")\nrow.button("Give away", key="keep-nothing")'


@pytest.mark.parametrize(
    ("test", "left"),
    [
        ('app.button(key=f"keep-{job}").click().run()\n    app.button(key="keep-nothing").click()', set()),
        ('app.button(key="keep-nothing").click()', {"keep-*"}),
        ('app.button(key=f"keep-{job}").click()', {"keep-nothing"}),
        ('app.button(key=f"keep-{job}")', {"keep-*", "keep-nothing"}),
    ],
    ids=["both are pressed", "the other one is meant", "one is left", "it is only looked at"],
)
def test_control_a_button_that_no_test_presses_is_found(test, left):
    drawn = set(drawn_by(PAGE))
    assert not_pressed(drawn, pressed_by(f"def test_x():\n    {test}\n    assert kept")) == left
    assert not_pressed(drawn, pressed_by(f"def test_x():\n    {test}")) == drawn, "nothing is looked at"
    assert not_pressed(drawn, pressed_by(f"def helper():\n    {test}\n    assert kept")) == drawn, "no test"
