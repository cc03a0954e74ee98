"""What people can do with a take; the buttons call these. Nothing is drawn here: answers become notices."""

import streamlit as st

from backend.domain.states import JobState
from backend.models import Job
from backend.services.lifecycle import provider_pause, receive_webhook
from backend.services.takes import held_choices, photos
from backend.services.takes.cancel import cancel_job
from pages.ui import context, text

CANCEL_HELP = "Stops it. What the provider has begun may still be billed; a video that comes anyway is kept."
AGAIN_HELP = "Makes a new take of the same request. If the provider accepted the first too, both are paid."
WAIT_HELP = "Goes on waiting, and looks for it at the provider right now. Costs nothing."
TWICE = "Sent again, it may be paid twice: the first one may have been accepted."
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
