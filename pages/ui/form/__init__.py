"""The form of the Generate page, drawn from a model's own schema. Imports what `pages.ui` may.

Start with `form.Form`; `prefill` fills the form from takes, presets and models.
"""
