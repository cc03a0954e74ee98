"""Looking into files from outside, always in a child process with limits.

Imports `partial` and `domain`. Start with `inspect` (videos) and `clean_photo` (photos); `sandbox` runs the
child, `in_child` is what runs there.
"""
