"""Durable bulk sending, from one process to a fleet, exact through any crash."""
