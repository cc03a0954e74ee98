"""What a worker does with one job, by its state, from the claim to the stored file.

Start with `dispatch.run_step`: one look at one job; `claims` holds it meanwhile, `receive_webhook` is the
fast way in.
"""
