"""What runs in the child process: decoders at work on files that nobody trusts.

Loaded by the child alone, by name. Start with `video.examine_video`.
"""
