"""What deeds are called in the audit: `thing.verb`."""

from enum import StrEnum


class Action(StrEnum):
    """A deed, or what was refused."""

    TAKE_STARTED = "take.started"
    TAKE_CANCELLED = "take.cancelled"
    TAKE_DECIDED = "take.decided"
    TAKE_NAMED_LINK = "take.named_link"
    TAKE_FETCHED_AFTER_ALL = "take.fetched_after_all"
    TAKE_REVIEWED = "take.reviewed"
    TAKE_EDITED = "take.edited"
    TAKE_TRASHED = "take.trashed"
    TAKE_RESTORED = "take.restored"
    TAKE_EMPTIED = "take.emptied"
    TAKES_EDITED = "takes.edited"
    TAKES_EXPORTED = "takes.exported"
    COLLECTION_CREATED = "collection.created"
    COLLECTION_CHANGED = "collection.changed"
    COLLECTION_DELETED = "collection.deleted"
    PROJECT_CREATED = "project.created"
    PROJECT_CHANGED = "project.changed"
    PROJECT_DELETED = "project.deleted"
    VIEW_SAVED = "view.saved"
    VIEW_DELETED = "view.deleted"
    EXPERIMENT_CREATED = "experiment.created"
    EXPERIMENT_CHANGED = "experiment.changed"
    EXPERIMENT_STARTED = "experiment.started"
    EXPERIMENT_PAUSED = "experiment.paused"
    EXPERIMENT_RESUMED = "experiment.resumed"
    EXPERIMENT_CLOSED = "experiment.closed"
    EXPERIMENT_EXPORTED = "experiment.exported"
    VOTES_IMPORTED = "votes.imported"
    RATER_EXCLUDED = "rater.excluded"
    UPLOAD_CREATED = "upload.created"
    PRESET_SAVED = "preset.saved"
    PRESET_DELETED = "preset.deleted"
    WORDS_CHANGED = "words.changed"
    TEMPLATE_CHANGED = "template.changed"
    PRICE_RULE_CHANGED = "price_rule.changed"
    BUDGET_CHANGED = "budget.changed"
    BILL_SETTLED = "bill.settled"
    STATEMENT_CLOSED = "statement.closed"
    MODELS_REFRESHED = "models.refreshed"
    DELIVERY_REPLAYED = "delivery.replayed"
    SENDING_RESUMED = "sending.resumed"
    TOKEN_CREATED = "token.created"  # noqa: S105  # the word, no secret
    TOKEN_REVOKED = "token.revoked"  # noqa: S105  # the word, no secret
    ROLE_CHANGED = "role.changed"
    PERSON_DISABLED = "person.disabled"
    PERSON_ENABLED = "person.enabled"
    SESSION_BEGUN = "session.begun"
    SESSION_ENDED = "session.ended"
    SIGN_IN_REFUSED = "sign_in.refused"
    ACCESS_REFUSED = "access.refused"
    AUDIT_EXPORTED = "audit.exported"
    AUDIT_PURGED = "audit.purged"


class ActorKind(StrEnum):
    """What did it."""

    PERSON = "person"
    TOKEN = "token"  # noqa: S105  # the word, no secret
    WORKER = "worker"
    CLI = "cli"
