"""What a person does with one take: asks for it, cancels it, decides when it is held; photos and presets.

Start with `request.TakeRequest`, then `create.create_job`: it becomes a row.
"""
