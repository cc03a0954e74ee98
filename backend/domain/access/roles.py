"""Roles, what can be done in Dailies, and the least role that may do it: one table, read everywhere."""

from collections.abc import Mapping
from enum import StrEnum


class Role(StrEnum):
    """What somebody may do. Who has more may do whatever who has less may."""

    VIEWER = "viewer"
    CREATOR = "creator"
    REVIEWER = "reviewer"
    ADMIN = "admin"

    @property
    def rank(self) -> int:
        """0 for the least."""
        return _RANKS[self]


_RANKS: Mapping[Role, int] = {role: rank for rank, role in enumerate(Role)}


class Do(StrEnum):
    """What can be done, as people read it in "This needs …"."""

    SEE = "see takes"
    SEE_MODELS = "see models"
    ESTIMATE = "estimate takes"
    SAVE_FAVOURITES = "keep favourites"
    RATE = "rate takes"
    START = "start takes"
    UPLOAD = "upload photos"
    SAVE_PRESETS = "save presets"
    CHANGE_OWN = "change one's own takes"
    CHANGE_OTHERS = "change others' takes"
    APPROVE = "approve takes"
    ORGANISE = "make collections and projects"
    EXPERIMENT = "plan and run experiments"
    VOTE = "vote in experiments"
    DRAFT_TEMPLATE = "draft versions of the team's template"
    EDIT_WORDS = "change the team's words and template"
    EDIT_PRICES = "change price rules"
    EDIT_BUDGETS = "change budgets"
    SEE_BUDGETS_OF_OTHERS = "see others' budgets and open charges"
    SETTLE_BILLS = "settle bills"
    CLOSE_MONTHS = "close months"
    REFRESH_MODELS = "refresh the models"
    SEE_OPERATIONS = "see how the system does"
    REPLAY_DELIVERIES = "replay deliveries"
    RESUME_SENDING = "have sending go on"
    REMOVE_OTHERS_PRESETS = "remove others' presets"
    MANAGE_OWN_TOKENS = "have tokens of one's own"
    MANAGE_TOKENS = "manage everybody's tokens"
    MANAGE_PEOPLE = "manage people and roles"
    READ_AUDIT = "read the audit"


#: The least role that may do it.
LEAST: Mapping[Do, Role] = {
    Do.SEE: Role.VIEWER,
    Do.SEE_MODELS: Role.VIEWER,
    Do.ESTIMATE: Role.VIEWER,
    Do.SAVE_FAVOURITES: Role.VIEWER,
    Do.RATE: Role.VIEWER,
    Do.START: Role.CREATOR,
    Do.UPLOAD: Role.CREATOR,
    Do.SAVE_PRESETS: Role.CREATOR,
    Do.CHANGE_OWN: Role.CREATOR,
    Do.CHANGE_OTHERS: Role.REVIEWER,
    Do.APPROVE: Role.REVIEWER,
    Do.ORGANISE: Role.CREATOR,
    Do.EXPERIMENT: Role.CREATOR,
    Do.VOTE: Role.VIEWER,
    Do.DRAFT_TEMPLATE: Role.CREATOR,
    Do.EDIT_WORDS: Role.ADMIN,
    Do.EDIT_PRICES: Role.ADMIN,
    Do.EDIT_BUDGETS: Role.ADMIN,
    Do.SEE_BUDGETS_OF_OTHERS: Role.ADMIN,
    Do.SETTLE_BILLS: Role.ADMIN,
    Do.CLOSE_MONTHS: Role.ADMIN,
    Do.REFRESH_MODELS: Role.ADMIN,
    Do.SEE_OPERATIONS: Role.ADMIN,
    Do.REPLAY_DELIVERIES: Role.ADMIN,
    Do.RESUME_SENDING: Role.ADMIN,
    Do.REMOVE_OTHERS_PRESETS: Role.ADMIN,
    Do.MANAGE_OWN_TOKENS: Role.VIEWER,
    Do.MANAGE_TOKENS: Role.ADMIN,
    Do.MANAGE_PEOPLE: Role.ADMIN,
    Do.READ_AUDIT: Role.ADMIN,
}


def allows(role: Role, do: Do) -> bool:
    """May this role do it?"""
    return role.rank >= LEAST[do].rank
