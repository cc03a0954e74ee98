"""People who sign in, for whoever measures what that costs."""

from typing import Any

#: One provider of logins, which is never asked: sessions are begun here. PORT: the dashboard's.
LOGINS = {
    "LOGIN_BASE_URL": "http://127.0.0.1:PORT", "LOGIN_PROVIDERS": "one",
    "LOGIN_ONE_ISSUER": "http://127.0.0.1:1", "LOGIN_ONE_CLIENT_ID": "x", "LOGIN_ONE_CLIENT_SECRET": "y",
    "LOGIN_ROLES": "creator: @example.com",
}  # fmt: skip


def sign_in(deps: Any, number: int) -> list[str]:
    """Cookies of so many people, each a creator."""
    from backend.domain.access.origin import Origin
    from backend.services.team import sessions

    cookies = []
    for one in range(number):
        claims = {
            "iss": "http://127.0.0.1:1",
            "sub": str(one),
            "email": f"p{one}@example.com",
            "name": f"P {one}",
        }
        begun = sessions.begin_session(deps, "one", {**claims, "email_verified": True}, origin=Origin())
        cookies.append(begun.cookie)
    return cookies
