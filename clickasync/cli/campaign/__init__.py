"""``clickasync campaign``: screens for `clickasync.campaigns`, which does everything."""
