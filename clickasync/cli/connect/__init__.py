"""``clickasync connect``: the calls of the Connect API that a person would make by hand."""
