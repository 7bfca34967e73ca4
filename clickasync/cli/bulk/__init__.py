"""``clickasync bulk``: a file of recipients, every one accounted for, whatever happens to the run.

A run is a campaign with a store to itself (`clickasync.campaigns`): what was sent is known there and nowhere else.
Three files. The *recipients* (`clickasync.recipients`), read a row at a time. The *store* beside the results
(`places.py`), which one run at a time has alone. The *results* (`results.py`), a line for each row as soon as it is
known what became of it, written from the store (`projection.py`). `job.py` is the run.
"""
