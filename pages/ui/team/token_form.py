"""A new token: asked for here, and its secret shown until whoever asked has kept it."""

from datetime import timedelta

import streamlit as st

from backend.domain.access.scopes import Scope
from backend.services.access import Role, Viewer
from backend.services.deps import Deps
from backend.services.team import tokens
from backend.services.team.token_request import LIFE, parse_token_request
from pages.ui import components, context, text

_NAME, _ROLE, _SCOPES, _LIFE, _SERVICE, _MADE = (
    f"new-token:{name}" for name in ("name", "role", "scopes", "life", "service", "made")
)
#: How long, in words -> how long; None: for ever.
_LIVES: dict[str, timedelta | None] = {
    "30 days": timedelta(days=30), f"{LIFE.days} days": LIFE, "A year": timedelta(days=365), "For ever": None,
}  # fmt: skip


def draw_token_form(deps: Deps, viewer: Viewer) -> None:
    """What the token shall be; once it is made, its secret."""
    if _MADE in st.session_state:
        _draw_secret(*st.session_state[_MADE])
        return
    is_person, is_admin = viewer.person_id is not None, viewer.role is Role.ADMIN
    with st.expander("New token", icon=":material/add:", key="new-token"):
        st.text_input(
            "Name", key=_NAME, max_chars=64,
            placeholder="laptop" if is_person else "nightly-renders",
            help=None if is_person else "Takes that are made with it are filed under this name.",
        )  # fmt: skip
        if is_person and is_admin:
            st.checkbox(
                "For a program of its own", key=_SERVICE,
                help="It acts under its own name, and goes on when you are gone. Else it acts as you.",
            )  # fmt: skip
        roles = [role for role in Role if role.rank <= viewer.role.rank]
        usual = roles.index(Role.CREATOR) if Role.CREATOR in roles else 0
        st.selectbox("Role", roles, key=_ROLE, index=usual, format_func=str.capitalize)
        st.multiselect(
            "Limited to", list(Scope), key=_SCOPES, placeholder="All that its role allows",
            help="A program that only looks at takes needs takes:read alone.",
        )  # fmt: skip
        lives = [words for words, life in _LIVES.items() if life or is_admin]
        st.selectbox("Lasts", lives, key=_LIFE, index=1)
        st.button("Make it", key="new-token-make", type="primary", icon=":material/key:", on_click=_make)


def _draw_secret(name: str, secret: str) -> None:
    with st.container(border=True, key="new-token-made"):
        st.success(f"Copy {text.plain(name)} now: it can't be shown again.", icon=":material/key:")
        components.draw_facts(
            [{"label": "Token", "value": secret, "mono": True, "copy": True}], key="new-token-secret"
        )
        st.button("I have kept it", key="new-token-kept", icon=":material/check:", on_click=_forget)


def _make() -> None:
    state, deps = st.session_state, context.deps()
    now, life = deps.clock.now(), _LIVES[state[_LIFE]]
    with context.errors_as_notices():
        given = {
            "name": " ".join(state[_NAME].split()),
            "role": state[_ROLE],
            "scopes": state[_SCOPES] or None,
            "expires_at": (now + life).isoformat() if life else None,
            "service": state.get(_SERVICE, False),
        }
        asked = parse_token_request(given, now=now)
        made = tokens.create_token(deps, context.viewer(), asked)
        state[_MADE] = (made.token.name, made.secret)


def _forget() -> None:
    del st.session_state[_MADE]
