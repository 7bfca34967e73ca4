"""Commands carried out: in a session, by the law of sending, at a rate.

What users should know of it, outcomes, errors and sessions, is in README.md in this folder.
"""
