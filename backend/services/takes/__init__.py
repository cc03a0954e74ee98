"""What a person does with one take: asks for it, cancels it, decides when it is held; photos and presets.

Start with `create.create_job`: the request becomes a row.
"""
