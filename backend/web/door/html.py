"""The door's own plain pages: for whoever is not in yet. They load nothing and run no script."""

from collections.abc import Sequence
from html import escape

from starlette.responses import HTMLResponse

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{title} · Dailies</title>
<style>
:root {{ color-scheme: light dark; --ink: #1c1e21; --paper: #fcfcfa; --line: #ddddd6; --petrol: #0b6b7a; }}
@media (prefers-color-scheme: dark) {{
  :root {{ --ink: #e8e8e5; --paper: #141517; --line: #303338; --petrol: #17808f; }}
}}
body {{ margin: 0; min-height: 100vh; display: grid; place-items: center; background: var(--paper);
  color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }}
main {{ width: min(26rem, calc(100vw - 3rem)); overflow-wrap: anywhere; }}
h1 {{ font-size: 1.5rem; font-weight: 600; margin: 0 0 1rem; }}
a {{ display: block; box-sizing: border-box; padding: .7rem 1rem; margin: .6rem 0; border-radius: .5rem;
  border: 1px solid var(--line); color: inherit; text-decoration: none; text-align: center; }}
a.first {{ background: var(--petrol); border-color: var(--petrol); color: #fff; }}
a:focus-visible {{ outline: 3px solid var(--petrol); outline-offset: 2px; }}
</style>
</head>
<body><main>
<h1>{title}</h1>
{body}
</main></body>
</html>
"""
#: The door's pages are of the moment.
_HEADERS = {"Cache-Control": "no-store"}


def plain_page(
    title: str, said: Sequence[str], links: Sequence[tuple[str, str]] = (), *, status: int = 200
) -> HTMLResponse:
    """A page of a few sentences and links: (text, address). All of it is text, no markup."""
    lines = [f"<p>{escape(sentence)}</p>" for sentence in said if sentence]
    for number, (text, address) in enumerate(links):
        first = ' class="first"' if number == 0 else ""
        lines.append(f'<a{first} href="{escape(address)}">{escape(text)}</a>')
    return HTMLResponse(_PAGE.format(title=escape(title), body="\n".join(lines)), status, _HEADERS)
