"""The first step of an experiment: the editor of its plan, and beside it what the plan comes to.

Imports services, values and the parts that pages share. Start with `editor.draw_editor`.
"""
