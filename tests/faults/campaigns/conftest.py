"""Both databases."""

from tests.support.databases import anyio_backend, database, store

__all__ = ["anyio_backend", "database", "store"]
