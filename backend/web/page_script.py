"""What the one HTML page of the UI kit is told before the kit's own scripts run.

By itself the kit looks for its server below the address that a page was opened at, then one level up: a page
that is opened directly begins with calls that answer 404. On its way from one page to another it makes
two entries in the browser's history, the first with the old page's path and the new one's query. And it runs
a page anew at every step back, also where only what stands after "#" becomes another. Where WebSockets are
kept out, its page stays empty: then a sentence says so, once some have been refused, or after a while where
they are let through and nothing comes.
"""

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: All that a page loads is named relative to its own folder, so that is the root, whatever stands in front.
#: `window.__streamlit` is read by Streamlit 1.67; a version that doesn't read it would look around as before.
#: What follows from one thing that a person does is one entry in the history: Back undoes just that.
#: A step within one page is told to whom it concerns, as `lookback`: the kit hears of steps to others alone.
#: Its listener comes later, and a window calls its own in the order in which they came.
SCRIPT = b"""<script>
window.__streamlit = {BACKEND_BASE_URL: new URL(".", location.href).href};
(() => {
  const push = history.pushState.bind(history), replace = history.replaceState.bind(history);
  const place = () => location.pathname + location.search;
  let entered = true, page = place();
  const acted = () => { entered = false };
  for (const act of ["pointerdown", "click", "keydown"]) addEventListener(act, acted, true);
  history.pushState = (...entry) => {
    entered ? replace(...entry) : push(...entry);
    entered = true;
    page = place();
  };
  history.replaceState = (...entry) => {
    replace(...entry);
    page = place();
  };
  addEventListener("popstate", event => {
    const before = page;
    page = place();
    if (before !== page) return;
    event.stopImmediatePropagation();
    dispatchEvent(new Event("lookback"));
  });
  const Kit = window.WebSocket, told = document.createElement("p");
  told.setAttribute("role", "alert");
  told.style.cssText = "position:fixed;inset:0 0 auto;z-index:1000000;margin:0;padding:1rem;"
    + "background:#fbe9e7;color:#a32a20;font:1rem sans-serif";
  told.textContent = "This page can't be shown: " + (Kit
    ? "something between this browser and Dailies keeps WebSockets out. It goes on trying."
    : "this browser has no WebSockets. Use a newer one.")
    + " Your takes are safe, and go on without it.";
  let heard = false, failed = 0;
  const tell = () => { heard || document.body?.append(told) };
  if (Kit) window.WebSocket = class extends Kit {
    constructor(...asked) {
      super(...asked);
      this.addEventListener("message", () => { heard = true; told.remove() });
      this.addEventListener("close", () => { ++failed < 4 || tell() });
    }
  };
  addEventListener("DOMContentLoaded", () => setTimeout(tell, Kit ? 15000 : 0));
})();
</script>"""
_HEAD = b"<head>"


class PageScript:
    """Puts `SCRIPT` into every HTML page."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI. Only who asks for a page is given one, and then as plain text: nginx compresses it."""
        if scope["type"] != "http" or "text/html" not in Headers(scope=scope).get("accept", ""):
            await self._app(scope, receive, send)
            return
        plain = [(name, value) for name, value in scope["headers"] if name != b"accept-encoding"]
        await self._app({**scope, "headers": plain}, receive, _Told(send))


class _Told:
    """Sends an answer on: a page with the script in it, all others as they are."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Message | None = None
        self._body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and _is_page(message):
            self._start = message
        elif self._start is None:
            await self._send(message)
        else:
            self._body += message.get("body", b"")
            if not message.get("more_body"):
                await self._send_page(self._start, self._body.replace(_HEAD, _HEAD + SCRIPT, 1))

    async def _send_page(self, start: Message, body: bytes) -> None:
        headers = MutableHeaders(scope=start)
        for of_the_file in ("etag", "last-modified", "content-length"):
            del headers[of_the_file]
        if body:  # HEAD has none
            headers["content-length"] = str(len(body))
        await self._send(start)
        await self._send({"type": "http.response.body", "body": body})


def _is_page(start: Message) -> bool:
    return Headers(raw=start["headers"]).get("content-type", "").startswith("text/html")
