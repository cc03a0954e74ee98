"""Scopes of tokens: what a token may be used for, within what its person or its own role may do."""

from collections.abc import Mapping
from enum import StrEnum

from backend.domain.access.roles import Do


class Scope(StrEnum):
    """A part of the API."""

    TAKES_READ = "takes:read"
    TAKES_WRITE = "takes:write"
    UPLOADS_WRITE = "uploads:write"
    MODELS_READ = "models:read"
    EXPERIMENTS_WRITE = "experiments:write"
    ADMIN = "admin"


#: The scope that a token needs to do it.
SCOPE_OF: Mapping[Do, Scope] = {
    Do.SEE: Scope.TAKES_READ,
    Do.SEE_MODELS: Scope.MODELS_READ,
    Do.ESTIMATE: Scope.MODELS_READ,
    Do.SAVE_FAVOURITES: Scope.TAKES_WRITE,
    Do.RATE: Scope.TAKES_WRITE,
    Do.START: Scope.TAKES_WRITE,
    Do.UPLOAD: Scope.UPLOADS_WRITE,
    Do.SAVE_PRESETS: Scope.TAKES_WRITE,
    Do.CHANGE_OWN: Scope.TAKES_WRITE,
    Do.CHANGE_OTHERS: Scope.TAKES_WRITE,
    Do.APPROVE: Scope.TAKES_WRITE,
    Do.ORGANISE: Scope.TAKES_WRITE,
    Do.EXPERIMENT: Scope.EXPERIMENTS_WRITE,
    Do.VOTE: Scope.EXPERIMENTS_WRITE,
    Do.DRAFT_TEMPLATE: Scope.TAKES_WRITE,
    Do.EDIT_WORDS: Scope.ADMIN,
    Do.EDIT_PRICES: Scope.ADMIN,
    Do.EDIT_BUDGETS: Scope.ADMIN,
    Do.SEE_BUDGETS_OF_OTHERS: Scope.ADMIN,
    Do.SETTLE_BILLS: Scope.ADMIN,
    Do.CLOSE_MONTHS: Scope.ADMIN,
    Do.REFRESH_MODELS: Scope.ADMIN,
    Do.SEE_OPERATIONS: Scope.ADMIN,
    Do.REPLAY_DELIVERIES: Scope.ADMIN,
    Do.RESUME_SENDING: Scope.ADMIN,
    Do.REMOVE_OTHERS_PRESETS: Scope.ADMIN,
    Do.MANAGE_OWN_TOKENS: Scope.ADMIN,
    Do.MANAGE_TOKENS: Scope.ADMIN,
    Do.MANAGE_PEOPLE: Scope.ADMIN,
    Do.READ_AUDIT: Scope.ADMIN,
}
