"""``clickasync bulk``: a file of recipients, every one accounted for, whatever happens to the run.

Three files. The *recipients* (`clickasync.recipients`), read a row at a time. The *results* (`results.py`), a line for
each row as soon as it is known what became of it. The *journal* beside them (`journal.py`), a line for each call before
it goes out. From the last two, `standing.py` knows after any accident how each row stands: a row in the journal without
its result was under way. `resume.py` asks the gateway about those; `run.py` sends the rest.
"""
