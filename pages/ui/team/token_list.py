"""Tokens in a list: what each may do, until when, when it was last used, and an end to it."""

from collections.abc import Sequence

import streamlit as st

from backend.services.deps import Deps
from backend.services.team import tokens
from backend.services.team.tokens import TokenView
from pages.ui import context, text

#: So many are shown at once; others are found by their name.
SHOWN = 50


def draw_tokens(deps: Deps, found: Sequence[TokenView]) -> None:
    """These tokens, each with a way to revoke it."""
    wanted = ""
    if len(found) > SHOWN // 5:
        wanted = st.text_input(
            "Find a token", key="tokens:find", placeholder="Name or person", label_visibility="collapsed",
            icon=":material/search:",
        ).strip().casefold()  # fmt: skip
    fitting = [one for one in found if wanted in f"{one.name} {one.person or ''} {one.id}".casefold()]
    for token in fitting[:SHOWN]:
        _row(deps, token)
    if len(fitting) > SHOWN:
        st.caption(f"{len(fitting) - SHOWN:,} more; find them by name.")


def _row(deps: Deps, token: TokenView) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"token-{token.id}"):
        with st.container(gap=None):
            acts_as = f" · acts as {text.plain(token.person)}" if token.person else ""
            st.markdown(f"**{text.plain(token.name)}**{acts_as}")
            st.caption(text.plain(_about(deps, token)))
        if token.expired:
            st.badge("Expired", color="orange")
        with st.popover("Revoke", key=f"token-open-{token.id}", type="tertiary"):
            st.write("From now on it opens nothing. Programs that use it stop working. This can't be undone.")
            st.button(
                "Revoke it", key=f"token-revoke-{token.id}", icon=":material/block:", type="primary",
                on_click=_revoke, args=(token.id, token.name),
            )  # fmt: skip


def _about(deps: Deps, token: TokenView) -> str:
    now = deps.clock.now()
    parts = [str(token.role), *(token.scopes or ())]
    end = "expired" if token.expired else "until"
    parts.append(f"{end} {token.expires_at:%-d %b %Y}" if token.expires_at else "never expires")
    parts.append(f"last used {text.since(now, token.last_used_at)}" if token.last_used_at else "never used")
    if token.created_by and token.created_by != token.person:
        parts.append(f"made by {token.created_by}")
    return " · ".join([*parts, token.hint])


def _revoke(token_id: str, name: str) -> None:
    with context.errors_as_notices():
        tokens.revoke_token(context.deps(), context.viewer(), token_id)
        context.notify(f"{text.plain(name)} is revoked.", ":material/block:")
