"""Why a database can't be opened, and what to do about it."""

#: What both kinds of database say to whoever has waited long enough for another process's migration.
STILL_MIGRATING = "still migrating"

#: (a part of the driver's or server's message, what is wrong and what to do); the first that fits counts.
REASONS = (
    (
        STILL_MIGRATING,
        "another process is bringing it to a newer schema: start this one again when that is done, or end "
        "that one if it hangs",
    ),
    ("password authentication failed", "it refuses the user or the password: put DATABASE_URL right"),
    ("no password supplied", "it wants a password: write user:password@ into DATABASE_URL"),
    ("no pg_hba.conf entry", "its pg_hba.conf does not let this user in from this host: add a line"),
    ('role "', "it knows no such user, or one without rights: create it, or put DATABASE_URL right"),
    ("permission denied", "its user may not make or write tables there: grant the rights, or name its owner"),
    (
        'database "',
        "there is no database of that name on the server: create it (createdb), or put the name right",
    ),
    ("refused", "nobody listens there: start the server, or put the host and port of DATABASE_URL right"),
    ("resolve host", "there is no host of that name: put the host of DATABASE_URL right"),
    ("translate host", "there is no host of that name: put the host of DATABASE_URL right"),
    ("lock timeout", "another process holds it and does not let go: end that one"),
    ("timeout", "it doesn't answer: is the host right, is a firewall between, is the server overloaded?"),
    (
        "readonly database",
        "its file or folder can only be read: let this user write there, or mount it to write",
    ),
    ("disk is full", "the disk that it lies on is full: free some space"),
    ("No space left", "the disk that it lies on is full: free some space"),
    ("disk I/O error", "the disk that it lies on fails: look into the system's log"),
    ("read-only", "it only reads, as a standby does: name the server that takes writes"),
    ("too many", "it has no connection free: raise max_connections, or run fewer processes"),
    (
        "remaining connection slots",
        "it has no connection free: raise max_connections, or run fewer processes",
    ),
    ("starting up", "it is just starting: try again in a moment"),
    ("shutting down", "it is being stopped: start it again"),
    ("unable to open database file", "the folder is missing, or this user may not write there"),
    ("is locked", "another process holds it and does not let go: end that one"),
    ("malformed", "the file is damaged: put a backup in its place (python -m backend restore)"),
    ("is not a database", "the file is no database: name another one, or restore a backup"),
)


def split_failure(driver_message: str) -> tuple[str, str]:
    """(what is wrong, for everybody; what to do about it and the driver's own message, for operators)."""
    message = " ".join(driver_message.split())
    advice = next((advice for part, advice in REASONS if part in message), "it gives no reason that is known")
    what, _, remedy = advice.partition(": ")
    return what, f"{remedy[:1].upper()}{remedy[1:]} ({message[:300]})".strip()


def explain_failure(driver_message: str) -> str:
    """What to do about it, and the driver's own message, which never holds the password."""
    message = " ".join(driver_message.split())
    advice = next((advice for part, advice in REASONS if part in message), None)
    return f"{advice}\n  ({message[:300]})" if advice else message[:500]
