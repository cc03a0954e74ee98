"""What people can do with a take; the buttons call these. Nothing is drawn here: answers become notices."""

import streamlit as st

from backend.domain.states import JobState
from backend.models import Job
from backend.services.lifecycle import provider_pause, receive_webhook
from backend.services.lifecycle.fetching import choices
from backend.services.takes import held_choices, photos
from backend.services.takes.cancel import cancel_job
from pages.ui import context, text

CANCEL_HELP = "Stops it. What the provider has begun may still be billed; a video that comes anyway is kept."
AGAIN_HELP = "Makes a new take of the same request. If the provider accepted the first too, both are paid."
WAIT_HELP = "Goes on waiting, and looks for it at the provider right now. Costs nothing."
TWICE = "Sent again, it may be paid twice: the first one may have been accepted."
TRY_HELP = "Fetches what is missing right now. Costs nothing."
KEEP_HELP = "Keeps the files that are here, and what can't be checked as it comes. The rest is done without."
GIVE_UP_FILES_HELP = "Stops fetching. It is paid; the links are kept, so it can be fetched later."
GIVE_UP_HELP = "Stops waiting. It may have been charged; a video that comes anyway is kept and shown."


def cancel_take(job_id: str) -> None:
    """Ask for a take to be stopped."""
    with context.errors_as_notices():
        cancel_job(context.deps(), context.viewer(), job_id)
        context.notify("It is being stopped.", ":material/block:")


def keep_waiting(job_id: str) -> None:
    """Go on waiting for a held take."""
    with context.errors_as_notices():
        held_choices.keep_waiting(context.deps(), context.viewer(), job_id)
        context.notify("Looking for it once more.")


def send_again(job_id: str) -> None:
    """Send a held take again, as a new one."""
    with context.errors_as_notices():
        held_choices.send_again(context.deps(), context.viewer(), job_id)
        context.notify("Saved as a new take.")


def give_up(job_id: str) -> None:
    """Stop waiting for a held take."""
    with context.errors_as_notices():
        held_choices.give_up(context.deps(), context.viewer(), job_id)
        context.notify("Given up.", ":material/block:")


def try_now(job_id: str) -> None:
    """Fetch what is missing of a take right now."""
    with context.errors_as_notices():
        choices.try_now(context.deps(), context.viewer(), job_id)
        context.notify("It is tried now.", ":material/refresh:")


def keep_what_there_is(job_id: str) -> None:
    """Do without the files that don't come."""
    with context.errors_as_notices():
        job = choices.keep_what_there_is(context.deps(), context.viewer(), job_id)
        done = job.state == JobState.STORED
        context.notify("Kept as it is." if done else "It is fetched once more, and kept as it comes.")


def fetch_after_all(job_id: str) -> None:
    """Fetch the files of a take that was given up."""
    with context.errors_as_notices():
        choices.fetch_after_all(context.deps(), context.viewer(), job_id)
        context.notify("Its files are being fetched.", ":material/download:")


def name_link(job_id: str, link: str) -> None:
    """Take this link for a held take's file."""
    with context.errors_as_notices():
        choices.name_link(context.deps(), context.viewer(), job_id, link)
        context.notify("It is being fetched.", ":material/link:")


def keep_picture(job_id: str, *, last: bool) -> None:
    """Keep the first or last picture of a take among the photos that a take can start from."""
    with context.errors_as_notices():
        photos.upload_from_take(context.deps(), context.viewer(), job_id, last=last)
        which = "last" if last else "first"
        context.notify(
            f"The {which} picture is among your earlier photos now.", ":material/add_photo_alternate:"
        )


def replay_delivery(delivery_id: str) -> None:
    """Apply a kept delivery again."""
    with context.errors_as_notices():
        state = receive_webhook.replay_delivery(context.deps(), context.viewer(), delivery_id)
        word = text.LOOKS[JobState(state)].word.lower()
        context.notify(f"Applied again; its take is {word}.", ":material/replay:")


def resume_sending(provider: str) -> None:
    """Send to a provider again, now."""
    provider_pause.resume_provider(context.deps(), provider)
    context.notify("Sending goes on.", ":material/play_arrow:")


def draw_picture_menu(job: Job) -> None:
    """Keep a picture of this take, for the next one to start or end with."""
    with st.popover("Keep a picture", icon=":material/add_photo_alternate:", key=f"pictures-{job.id}"):
        st.caption("It joins your earlier photos; the next take can start or end with it.")
        for last, label in ((False, "First picture"), (True, "Last picture")):
            name = "last" if last else "first"
            st.button(
                label,
                key=f"picture-{name}-{job.id}",
                on_click=keep_picture,
                args=(job.id,),
                kwargs={"last": last},
            )


def draw_cancel_button(job: Job) -> None:
    """A button that stops a take, with what that means."""
    st.button(
        "Cancel", key=f"cancel-{job.id}", icon=":material/block:", help=CANCEL_HELP,
        on_click=cancel_take, args=(job.id,), disabled=job.cancel_requested_at is not None,
    )  # fmt: skip


def draw_file_choices(job: Job) -> None:
    """The three choices for a take whose files don't all come home."""
    for label, icon, hint, act in (
        ("Try now", "refresh", TRY_HELP, try_now),
        ("Keep what there is", "inventory_2", KEEP_HELP, keep_what_there_is),
        ("Give up", "block", GIVE_UP_FILES_HELP, cancel_take),
    ):
        st.button(
            label, key=f"{act.__name__.replace('_', '-')}-{job.id}", icon=f":material/{icon}:", help=hint,
            on_click=act, args=(job.id,),
        )  # fmt: skip


def draw_fetch_button(job: Job) -> None:
    """A button that fetches the files of a take that was given up once it was rendered."""
    st.button(
        "Fetch its files", key=f"fetch-{job.id}", icon=":material/download:", on_click=fetch_after_all,
        args=(job.id,), help="It was rendered, and is paid. Works while the provider has its files.",
    )  # fmt: skip


def draw_link_field(job: Job) -> None:
    """A field for the link of a held take's file, where a person has found it."""
    with st.form(key=f"link-form-{job.id}", border=False, enter_to_submit=True):
        link = st.text_input(
            "Link of its file", key=f"link-{job.id}", placeholder="https://…",
            help="If you find it in what came, or in the provider's own pages, it is fetched like any other.",
        )  # fmt: skip
        if st.form_submit_button("Fetch this link", key=f"name-link-{job.id}", icon=":material/link:"):
            name_link(job.id, link)
            st.rerun()


def draw_held_choices(job: Job) -> None:
    """The three choices for a held take."""
    args = (job.id,)
    st.button(
        "Keep waiting", key=f"wait-{job.id}", icon=":material/hourglass_top:", type="primary", help=WAIT_HELP,
        on_click=keep_waiting, args=args,
    )  # fmt: skip
    st.button(
        f"Send again · {context.price_words(job)}", key=f"again-{job.id}",
        icon=":material/forward_to_inbox:", help=AGAIN_HELP, on_click=send_again, args=args,
    )  # fmt: skip
    st.button(
        "Give up",
        key=f"give-up-{job.id}",
        icon=":material/block:",
        help=GIVE_UP_HELP,
        on_click=give_up,
        args=args,
    )
