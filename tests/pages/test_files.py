"""Files beside the main one, and files that don't come home: what people see of them and can do."""

import re

from backend.models import TakeFile
from backend.store.jobs import jobs
from backend.store.records import take_files
from tests.pages.conftest import link, shown, words


def several(desk, *, home: int):
    """A rendered take of three files, of which so many are here."""
    stored = [desk.take("stored").video_id for _ in range(home)]
    job = desk.take("rendered")
    urls = [f"https://v3.fal.media/files/{name}.mp4" for name in "abc"]
    outputs = [{"role": f"videos.{number}", "url": url} for number, url in enumerate(urls)]
    trouble = {
        "code": "media_unreachable",
        "message": "The server answered 500.",
        "charged": "yes",
        "next": "",
    }
    with desk.deps.store.begin() as session:
        rows = [
            TakeFile(
                job_id=job.id, role=f"videos.{number}", position=number,
                video_id=stored[number] if number < home else None,
            )
            for number in range(3)
        ]  # fmt: skip
        take_files.put_rows(session, rows)
        jobs.make_due(
            session, job.id, at=desk.deps.clock.now(), outputs=outputs, error=trouble, attempts=4,
            video_id=rows[0].video_id,
        )  # fmt: skip
    return job


def test_all_files_of_a_take_are_shown_each_with_its_download_and_counted_on_its_card(desk, visit):
    job = several(desk, home=2)
    app = visit("library/take.py", take=job.id)
    assert "Files · 2 of 3" in [item.value for item in app.subheader]
    assert ".mp4" in link(app, "videos\\.0")
    assert ".mp4" in link(app, "videos\\.1")
    assert re.match(rf"app/static/media/takes/{job.id}\.zip\?e=", link(app, "Download all · 2 files · "))
    assert "tried 4 times" in words(app)
    assert shown(visit("library/gallery.py"), "gallery")[0]["takes"][0]["length"].endswith(" +2")


def test_a_person_keeps_what_there_is_of_a_take_whose_files_do_not_all_come(desk, visit):
    job = several(desk, home=2)
    app = visit("library/take.py", take=job.id)
    app.button(key=f"try-now-{job.id}").click().run()
    assert "tried now" in words(app)
    app.button(key=f"keep-what-there-is-{job.id}").click().run()
    assert desk.job(job.id).state == "stored"
    assert "Files · 2 of 3" in [item.value for item in app.subheader]


def test_a_person_gives_up_the_files_of_a_paid_take_and_has_them_fetched_later(desk, visit):
    job = several(desk, home=0)
    app = visit("library/take.py", take=job.id)
    app.button(key=f"cancel-take-{job.id}").click().run()
    given_up = desk.job(job.id)
    assert (given_up.state, given_up.error["charged"]) == ("cancelled", "yes")
    app.button(key=f"fetch-{job.id}").click().run()
    again = desk.job(job.id)
    assert (again.state, len(again.outputs)) == ("rendered", 3)


def test_a_person_names_the_link_of_a_held_take(desk, visit):
    job = desk.take("held")
    app = visit("library/take.py", take=job.id)
    app.text_input(key=f"link-{job.id}").set_value("not a link")
    app.button(key=f"name-link-{job.id}").click().run()
    assert "is no link" in words(app)
    app.text_input(key=f"link-{job.id}").set_value("\ufeffhttps://v3.fal.media/files/found.mp4\u200b")
    app.button(key=f"name-link-{job.id}").click().run()
    assert (desk.job(job.id).state, desk.job(job.id).result_url) == (
        "rendered", "https://v3.fal.media/files/found.mp4",
    )  # fmt: skip
