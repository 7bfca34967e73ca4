"""``clickasync campaign``, put together."""

from __future__ import annotations

import typer

from clickasync.cli.campaign import changing, create, looking, optouts, working
from clickasync.cli.command import add_command, new_app

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the commands, as commands of a command."""
    campaign = new_app(
        "Durable bulk sending: a campaign is kept in a database, and any number of workers send it, through any "
        "crash.\n\n"
        "The database is a file (campaigns.db), or PostgreSQL: --database, or CLICKASYNC_DATABASE.",
    )
    for function in (
        create.create,
        working.run,
        working.work,
        looking.status,
        looking.results,
        looking.find,
        looking.test,
        changing.pause,
        changing.resume,
        changing.cancel,
        changing.retry,
        changing.reconcile,
        changing.upgrade,
        changing.erase,
        looking.list_,
        changing.delete,
    ):
        add_command(campaign, function)
    optouts.register(campaign)
    app.add_typer(campaign, name="campaign")
