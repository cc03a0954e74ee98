"""What is said of a database that can't be opened: each by its own trouble, none by another's."""

import pytest

from backend.store.database.connect_advice import explain_failure


@pytest.mark.parametrize(
    ("driver", "advice"),
    [('database "nope" does not exist', "createdb"), ('FATAL:  role "ana" does not exist', "no such user"),
     ('permission denied for database "studio"', "grant the rights"),
     ('no pg_hba.conf entry for host "::1", user "ana", database "studio"', "pg_hba.conf"),
     ("the database system is starting up", "starting"), ("unable to open database file", "missing"),
     ("the database system is shutting down", "being stopped"), ("database is locked", "another process"),
     ("database disk image is malformed", "damaged"), ("file is not a database", "restore a backup")],
)  # fmt: skip
def test_each_trouble_has_its_own_advice(driver, advice):
    told = explain_failure(driver)
    assert advice in told
    assert ("createdb" in told) == (advice == "createdb")
