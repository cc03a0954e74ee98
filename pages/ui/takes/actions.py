"""What people can do with a take; the buttons call these. Nothing is drawn here: answers become notices."""

import streamlit as st

from backend.domain.states import ACTIVE_STATES, JobState
from backend.models import Job
from backend.services.gallery.takes import Take
from backend.services.lifecycle import provider_pause, receive_webhook
from backend.services.lifecycle.fetching import choices
from backend.services.money.quotes import quote_again
from backend.services.takes import held_choices, photos
from backend.services.takes.cancel import cancel_job
from backend.services.takes.ways_out import WayOut, ways_out
from pages.ui import context, prices, text

CANCEL_HELP = (
    "Cancels it. What the provider has begun may still be billed; a video that comes anyway is kept."
)
AGAIN_HELP = "Makes a new take of the same request. If the provider accepted the first too, both are paid."
WAIT_HELP = "Goes on waiting, and looks for it at the provider right now. Costs nothing."
TWICE = "Sent again, it may be paid twice: the first one may have been accepted."
FETCH_HELP = "It was rendered, and is paid. Works while the provider has its files. Costs nothing."
#: In these a take can be cancelled; one that is being cancelled shows so.
STOPPABLE = ACTIVE_STATES - {JobState.RENDERED}
TRY_HELP = "Fetches what is missing right now. Costs nothing."
KEEP_HELP = "Keeps the files that are here, and what can't be checked as it comes. The rest is done without."
NOTHING_CAME_HELP = "Nothing of it has come yet, so there is nothing to keep."
GIVE_UP_FILES_HELP = "Stops fetching. It is paid; the links are kept, so it can be fetched later."
STOP_WAITING_HELP = (
    "Ends it here, whatever the provider says. It may still be billed; a video that comes anyway is kept."
)
GIVE_UP_HELP = "Stops waiting. It may have been charged; a video that comes anyway is kept and shown."


def cancel_take(job_id: str) -> None:
    """Ask for a take to be cancelled."""
    with context.errors_as_notices():
        cancel_job(context.deps(), context.viewer(), job_id)
        context.notify("It is being cancelled.", ":material/block:")


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


def give_up_files(job_id: str) -> None:
    """Fetch no more of a take."""
    with context.errors_as_notices():
        choices.give_up_files(context.deps(), context.viewer(), job_id)
        context.notify("Nothing more of it is fetched.", ":material/block:")


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
    """Keep the first or last frame of a take among the photos that a take can start from."""
    with context.errors_as_notices():
        photos.upload_from_take(context.deps(), context.viewer(), job_id, last=last)
        which = "last" if last else "first"
        context.notify(f"The {which} frame is among your photos now.", ":material/add_photo_alternate:")


def replay_delivery(delivery_id: str) -> None:
    """Apply a kept delivery again."""
    with context.errors_as_notices():
        state = receive_webhook.replay_delivery(context.deps(), context.viewer(), delivery_id)
        word = text.LOOKS[JobState(state)].word.lower()
        context.notify(f"Applied again; its take is {word}.", ":material/replay:")


def resume_sending(provider: str) -> None:
    """Send to a provider again, now."""
    with context.errors_as_notices():
        provider_pause.resume_by_person(context.deps(), context.viewer(), provider)
        context.notify("Sending goes on.", ":material/play_arrow:")


def draw_picture_menu(job: Job) -> None:
    """Save a frame of this take, for the next one to start or end with."""
    with st.popover("Save a frame", icon=":material/add_photo_alternate:", key=f"pictures-{job.id}"):
        st.caption("It joins your photos; the next take can start or end with it.")
        for last, label in ((False, "First frame"), (True, "Last frame")):
            name = "last" if last else "first"
            st.button(
                label,
                key=f"picture-{name}-{job.id}",
                on_click=keep_picture,
                args=(job.id,),
                kwargs={"last": last},
            )


def draw_decisions(take: Take) -> None:
    """A button for each way out of where this take stands, its link's field aside (`draw_link_field`).

    Whoever may not change it is offered none.
    """
    if not context.viewer().may_change(take.job.owner):
        return
    job, ways = take.job, ways_out(take, context.deps().clock.now())
    if WayOut.STOP_WAITING in ways:
        st.button(
            "Stop waiting", key=f"stop-waiting-{job.id}", icon=":material/block:", help=STOP_WAITING_HELP,
            on_click=cancel_take, args=(job.id,),
        )  # fmt: skip
    elif job.state in STOPPABLE:
        st.button(
            "Cancel", key=f"cancel-{job.id}", icon=":material/block:", help=CANCEL_HELP,
            on_click=cancel_take, args=(job.id,), disabled=WayOut.CANCEL not in ways,
        )  # fmt: skip
    if WayOut.TRY_NOW in ways:
        _draw_file_choices(job, something=WayOut.KEEP in ways)
    if WayOut.GIVE_UP_FILES in ways:
        st.button(
            "Give up", key=f"give-up-files-{job.id}", icon=":material/block:", help=GIVE_UP_FILES_HELP,
            on_click=give_up_files, args=(job.id,),
        )  # fmt: skip
    if WayOut.FETCH in ways:
        st.button(
            "Fetch what is missing", key=f"fetch-{job.id}", icon=":material/download:", help=FETCH_HELP,
            on_click=fetch_after_all, args=(job.id,),
        )  # fmt: skip
    if WayOut.KEEP_WAITING in ways:
        draw_held_choices(job)


def _draw_file_choices(job: Job, *, something: bool) -> None:
    """Try now, or go without. something: has anything come that can be kept?"""
    st.button(
        "Try now", key=f"try-now-{job.id}", icon=":material/refresh:", type="primary", help=TRY_HELP,
        on_click=try_now, args=(job.id,),
    )  # fmt: skip
    st.button(
        "Keep what there is", key=f"keep-what-there-is-{job.id}", icon=":material/inventory_2:",
        help=KEEP_HELP if something else NOTHING_CAME_HELP, disabled=not something,
        on_click=keep_what_there_is, args=(job.id,),
    )  # fmt: skip


def draw_link_field(job: Job) -> None:
    """A field for the link of a take's file, where a person has found it."""
    with (
        st.form(key=f"link-form-{job.id}", border=False, enter_to_submit=True),
        st.container(horizontal=True, vertical_alignment="bottom"),
    ):
        link = st.text_input(
            "Link of its file", key=f"link-{job.id}", placeholder="https://…",
            help="If you find it in what came, or in the provider's own pages, it is fetched like any other.",
        )  # fmt: skip
        if st.form_submit_button("Fetch this link", key=f"name-link-{job.id}", icon=":material/link:"):
            name_link(job.id, link)
            st.rerun()


def draw_held_choices(job: Job) -> None:
    """The three choices for a held take."""
    deps, args = context.deps(), (job.id,)
    st.button(
        "Keep waiting", key=f"wait-{job.id}", icon=":material/hourglass_top:", type="primary", help=WAIT_HELP,
        on_click=keep_waiting, args=args,
    )  # fmt: skip
    st.button(
        f"Send again · {prices.button_words(deps, quote_again(deps, job))}", key=f"again-{job.id}",
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
