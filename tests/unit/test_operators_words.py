"""Commands and settings are told to whoever runs Dailies: no word that everybody reads names one.

Read from the code: a text that names one stands where operators alone look (commands, settings, the start,
`doctor`, parts of Operations), or is an error's remedy, which pages keep for Operations.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.settings import Settings

ROOT = Path(__file__).parents[2]
#: Of other programs' settings those that we read.
OTHERS = ("SSL_CERT_FILE", "SSL_CERT_DIR", "AWS_CA_BUNDLE", "AWS_ACCESS_KEY_ID", "AWS_REGION", "PGPASSWORD")
SETTINGS = sorted({name.upper() for name in Settings.model_fields if "_" in name} | set(OTHERS))
NAMES = re.compile(rf"\b({'|'.join(SETTINGS)})\b|python -m|`(doctor|verify|make|backup)\b")
#: Whose words operators alone read: answers of commands, what stops a start, parts of Operations.
FOR_OPERATORS = (
    "backend/cli.py", "backend/commands", "backend/bootstrap.py", "backend/notebook.py",
    "backend/settings.py", "backend/team_settings.py", "backend/login_settings.py", "backend/secret_files.py",
    "backend/http/outbound_settings.py", "backend/domain/place.py", "backend/store/database/schema",
    "backend/store/database/connect_advice.py", "backend/media/storage/s3_sending.py",
    "backend/services/operations/doctor.py", "backend/services/operations/checks",
    "backend/services/operations/heartbeat.py",
    "backend/web/dashboard.py", "backend/domain/access", "backend/identity",
    "pages/ui/operate/charges.py", "pages/ui/operate/health.py",
)  # fmt: skip


def remedies(tree: ast.Module) -> Iterator[ast.AST]:
    """What stands in a remedy or in the log: who reads these runs Dailies.

    A remedy is an argument or a variable of that name, or what `for_operators` is given.
    """
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(attr="for_operators"), args=given):
                yield from given
            case ast.Call(func=ast.Attribute(value=ast.Name(id="log")), args=given):
                yield from given
            case ast.keyword(arg="remedy", value=value):
                yield value
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if "remedy" in name.lower():
                yield value


def docstrings(tree: ast.Module) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            match node.body:
                case [ast.Expr(value=ast.Constant() as text), *_]:
                    yield text


def told_to_everybody(code: str) -> list[str]:
    """The texts of some code that name a command or a setting, and are no remedy."""
    tree = ast.parse(code)
    apart = {id(part) for root in [*remedies(tree), *docstrings(tree)] for part in ast.walk(root)}
    texts = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in apart
    ]
    return [text for text in texts if NAMES.search(text) and text not in SETTINGS]


def test_no_word_that_everybody_reads_names_a_command_or_a_setting():
    modules = [path for room in ("backend", "pages") for path in sorted((ROOT / room).rglob("*.py"))]
    names = {str(path.relative_to(ROOT)): path for path in modules}
    found = {
        name: texts
        for name, path in names.items()
        if not name.startswith(FOR_OPERATORS) and (texts := told_to_everybody(path.read_text()))
    }
    assert found == {}


@pytest.mark.parametrize(
    ("code", "caught"),
    [
        ('raise StorageDown("It is away: put STORAGE_URL right.")', True),
        ('st.error(f"{what}: run `python -m backend worker`")', True),
        ('raise StorageDown("It is away.").for_operators("Put STORAGE_URL right.")', False),
        ('remedy = f"PUBLIC_URL is {url}."', False),
        ('HealthCheck("worker", False, "None.", remedy="Start one: python -m backend worker")', False),
        ('key_setting = "FAL_KEY"', False),
        ('log.error("FAL_KEY is refused")', False),
    ],
)  # fmt: skip
def test_control_a_word_for_operators_is_told_from_one_for_everybody(code, caught):
    assert bool(told_to_everybody(code)) == caught
