"""Where whole files are kept: a folder or a bucket, behind the one protocol of `base`.

Imports `partial` and `domain`. Start with `base.Storage`, then `local` and `s3`.
"""
