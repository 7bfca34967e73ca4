"""``clickasync demo``."""

from __future__ import annotations

import os
import time
from typing import Any

import anyio
import typer

from clickasync.callbacks import receiver
from clickasync.cli.command import add_command
from clickasync.cli.demo import accounts, callbacks, campaign, doubt, recipients, sending
from clickasync.cli.demo.callbacks import Hook
from clickasync.cli.demo.stage import Stage
from clickasync.cli.serving import serving
from clickasync.client import Client

__all__ = ["register"]

_LONGEST = 60.0
_SHORT = 0.4  # seconds after which a reply is lost


async def demo() -> None:
    """Show everything in a few seconds: a gateway on this machine, and a client that talks to it over real HTTP.

    It sends nothing anywhere else, needs no credentials, and checks what it shows: the exit status is 0 if all of it
    was so.
    """
    from clickasync.simulator import Gateway, serve

    # A proxy for the outside world would stand between two ends of this machine.
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "*"
    started = time.monotonic()
    stage = Stage()
    hook = Hook()
    with anyio.fail_after(_LONGEST):
        async with serving(receiver(on_report=hook.on_report, on_message=hook.on_message)) as hook_url:
            gateway = Gateway(credits=100, gateway_delay=0.3, handset_delay=0.4, callback_url=hook_url)
            async with serve(gateway) as url:
                stage.say("A gateway of your own", url, call="async with serve(Gateway(credits=100)) as url: ...")
                login: dict[str, Any] = {"api_id": "1", "user": "demo", "password": "demo"}
                async with Client(base_url=url, ping_interval=0.4, **login) as client:
                    await sending.play(stage, client, gateway)
                    async with Client(base_url=url, timeout=_SHORT, **login) as hasty:
                        await doubt.play(stage, hasty, gateway)
                    await callbacks.play(stage, client, gateway, hook)
                await accounts.play(stage, gateway, url)
        await recipients.play(stage)
        await campaign.play(stage)
    stage.chapter(f"All of it in {time.monotonic() - started:.1f} s")


def register(app: typer.Typer) -> None:
    """Add the command."""
    add_command(app, demo)
