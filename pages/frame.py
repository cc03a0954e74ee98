"""The frame of every page: its name, the ways to the others with live counts, and what is wrong now."""

import streamlit as st

from backend.domain.access.roles import Do
from backend.domain.errors import NotAllowed, SettingsError, StoreUnavailable
from backend.domain.states import ACTIVE_STATES, JobState
from backend.services.access import Viewer
from backend.services.gallery import takes as gallery
from pages.ui import context, live, shell

st.set_page_config(page_title=shell.NAME, page_icon="🎬", layout="wide")

#: A page that says nothing of takes, which notices would.
JUDGE = "judge"

trouble: Exception | None = None
counts: dict[str, int] = {}
viewer: Viewer | None = None
try:
    viewer = context.viewer(anew=True)  # before anything of a page runs
    counts = gallery.count_open(context.deps(), viewer)
except (context.StillOpening, StoreUnavailable, SettingsError, NotAllowed) as error:
    trouble = error
moving = sum(number for state, number in counts.items() if state in ACTIVE_STATES)
held = counts.get(JobState.HELD, 0)

page = st.navigation(
    {
        "Studio": [
            st.Page(
                "studio/generate.py", title="Generate", icon=":material/auto_awesome_motion:", default=True
            ),
        ],
        "Library": [
            st.Page("library/gallery.py", title="Gallery", icon=":material/grid_view:", url_path="gallery"),
            st.Page("library/take.py", title="Take", url_path="take", visibility="hidden"),
            st.Page("library/compare.py", title="Compare", url_path="compare", visibility="hidden"),
            st.Page(
                "library/experiments.py",
                title="Experiments",
                icon=":material/science:",
                url_path="experiments",
            ),
            st.Page("library/experiment.py", title="Experiment", url_path="experiment", visibility="hidden"),
            st.Page("library/judge.py", title="Judge", url_path="judge", visibility="hidden"),
        ],
        "Operate": [
            st.Page(
                "operate/activity.py",
                title=shell.title_with_counts("Activity", moving=moving, held=held, upto=gallery.COUNT_LIMIT),
                icon=":material/pan_tool:" if held else ":material/timelapse:",
                url_path="activity",
            ),
            st.Page("operate/spend.py", title="Spend", icon=":material/payments:", url_path="spend"),
            st.Page("operate/style.py", title="Style", icon=":material/palette:", url_path="style"),
            st.Page("operate/models.py", title="Models", icon=":material/movie:", url_path="models"),
            st.Page(
                "operate/operations.py",
                title="Operations",
                icon=":material/monitor_heart:",
                url_path="operations",
                visibility="visible" if viewer is None or viewer.may(Do.SEE_OPERATIONS) else "hidden",
            ),
        ],
        "Team": [
            st.Page(
                "team/account.py", title="My account", icon=":material/account_circle:", url_path="account"
            ),
            st.Page(
                "team/people.py",
                title="People",
                icon=":material/group:",
                url_path="people",
                visibility="visible" if viewer and viewer.may(Do.MANAGE_PEOPLE) else "hidden",
            ),
            st.Page(
                "team/audit.py",
                title="Audit",
                icon=":material/history:",
                url_path="audit",
                visibility="visible" if viewer and viewer.may(Do.READ_AUDIT) else "hidden",
            ),
        ],
    },
    position="hidden" if isinstance(trouble, NotAllowed) else "sidebar",
)

st.set_page_config(page_title=shell.window_title(page.title))
shell.draw_brand()
if isinstance(trouble, NotAllowed):  # the address stays, for whoever signs in again
    shell.draw_way_in(trouble)
    st.stop()
if trouble is not None:  # the ways to other pages stay, else the browser would forget which one it is on
    shell.draw_trouble(trouble)
    st.stop()
try:
    if viewer is not None and page.url_path != JUDGE:
        live.draw_notices(moving=moving, way=("activity", "Activity"))
    activity = shell.title_with_counts("Activity", moving=moving, held=0, upto=gallery.COUNT_LIMIT)
    shell.draw_tabs(activity, current=page.url_path)
    shell.draw_banners()
    context.show_notices()
    shell.draw_footer()  # before the page, which may stop where it has nothing to show
    page.run()
except StoreUnavailable as error:
    shell.draw_trouble(error)
