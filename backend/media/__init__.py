"""Files: brought home, checked, kept, and made ready to look at.

May import `domain`, `models` and media libraries; knows neither the database nor a provider. Start with
`download.download_file` (from a link to a whole file), `decode.inspect` (is it a video) and `storage.base`
(where it is kept).
"""
