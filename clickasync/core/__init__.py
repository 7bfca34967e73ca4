"""Commands carried out: in a session, by the law of sending, at a rate."""
