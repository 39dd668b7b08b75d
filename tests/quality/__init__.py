"""`make read-quality`: how well mail is read, measured on a folder of mails with their expected values.

    python -m tests.quality [CORPUS …] [--generated N] [--worst N] [--json]

docs/read-quality.md says how a corpus is laid out and what each figure means.
"""
