"""What people make of a take that is there: parts of it again, variations, a better model, its next scene.

Each makes takes by `create.create_job` alone. Start with `variations.start_variations`.
"""
