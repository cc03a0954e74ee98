"""Dailies: the studio where a team generates AI video takes and never loses one."""

__version__ = "0.1.0"
