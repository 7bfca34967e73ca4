"""Durable bulk sending, from one process to a fleet, exact through any crash.

A campaign is a list of recipients and a text, kept in a database: a file (SQLite, the extra ``campaigns``), or
PostgreSQL (the extra ``fleet``). Any number of workers send it. The guide stands beside this file, in ``README.md``.
"""

from __future__ import annotations

from clickasync.campaigns.errors import (
    DatabaseAwayError,
    DatabaseForgotError,
    DatabaseFullError,
    OtherCampaignError,
)
from clickasync.campaigns.facade import Campaign, Campaigns
from clickasync.campaigns.optouts import OptOutEntry, OptOuts
from clickasync.campaigns.packing import BadItem, Witness
from clickasync.campaigns.reconcile import Reconciled
from clickasync.campaigns.results import RESULTS, CallResults, Preview, Result
from clickasync.campaigns.sources import Tagging
from clickasync.campaigns.status import Status, WorkerSeen
from clickasync.campaigns.worker import Watch

__all__ = [
    "RESULTS",
    "BadItem",
    "CallResults",
    "Campaign",
    "Campaigns",
    "DatabaseAwayError",
    "DatabaseForgotError",
    "DatabaseFullError",
    "OptOutEntry",
    "OptOuts",
    "OtherCampaignError",
    "Preview",
    "Reconciled",
    "Result",
    "Status",
    "Tagging",
    "Watch",
    "Witness",
    "WorkerSeen",
]
