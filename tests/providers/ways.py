"""By which ways a call may go to its server, and servers at the end of each."""

import ssl
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from backend.http.outbound import DIRECT, Outbound, Proxy
from tests import certificates
from tests.loopback import Behaviour, Peer
from tests.proxy import Proxy as ForwardProxy

#: What a proxy may know, and nobody else.
PROXY_NAME, PROXY_PASSWORD = "somebody", "password-of-the-proxy"
#: Directly; directly, trusting an authority of one's own; through a proxy, trusting it, too.
WAYS = ("direct", "own authority", "proxy")


@dataclass
class Way:
    """A way to servers, which start by being listened for; `proxy`: what they are reached through."""

    origin: str  #: of all its servers, but for the port
    outbound: Outbound
    context: ssl.SSLContext | None = None
    proxy: ForwardProxy | None = None
    servers: ExitStack = field(default_factory=ExitStack)

    def listen(self, does: Behaviour, *, tls: bool = True) -> Peer:
        """A server at the end of this way, by its `url`. tls: does it speak it where it should?"""
        peer = self.servers.enter_context(closing(Peer(does, self.context if tls else None)))
        peer.url = f"{self.origin}:{peer.port}"
        return peer


@contextmanager
def open_way(name: str, authority: Path, proxy: ForwardProxy) -> Iterator[Way]:
    """One of `WAYS`. Its servers are gone afterwards."""
    context = certificates.server_context(authority)
    trusting, inner = (authority / "ca.pem",), proxy.url.removeprefix("http://")
    through = Proxy(f"http://{PROXY_NAME}:{PROXY_PASSWORD}@{inner}")
    rule = Outbound(https_proxy=through, http_proxy=through, authorities=trusting)
    made = {
        "direct": Way("http://127.0.0.1", DIRECT),
        "own authority": Way("https://localhost", Outbound(authorities=trusting), context),
        "proxy": Way(f"https://provider.{certificates.OUTSIDE}", rule, context, proxy),
    }
    proxy.forget()
    with made[name].servers:
        yield made[name]
