"""Viewers that tests ask as."""

from backend.services.access import Role, Viewer

#: Who made the takes of most tests, with every right.
LOCAL_VIEWER = Viewer("studio", Role.ADMIN)
