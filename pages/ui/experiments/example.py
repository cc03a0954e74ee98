"""An example of what an experiment shows, made of demo takes: for whoever has none yet."""

from pathlib import Path

import streamlit as st

_HERE = Path(__file__).parent / "example"
#: picture -> the prompt, and how often its fresh takes win
_ROWS = (("a", "A: Slow pan", "34 %"), ("b", "B: Handheld", "61 %"), ("c", "C: Crane up", "55 %"))
VERDICT = "B is as good as any (97 %). Not yet known: whether it is better than C."


def draw_example() -> None:
    """Three prompts with four takes each, and one verdict in words."""
    for name, prompt, wins in _ROWS:
        with st.container(horizontal=True, vertical_alignment="center", key=f"example-{name}", gap="small"):
            st.markdown(f"**{prompt}**  \nwins {wins}", width=130)
            st.image(_HERE / f"{name}.webp", alt=f"Four takes of {prompt}", width=620)
    st.markdown(f":material/verified: **{VERDICT}**".replace("%", r"\%"))
    st.caption("An example: four takes of each prompt, 64 votes of three people who saw no names.")
