"""The Connect API: register Clickatell accounts for your own users, activate them, add connections, buy credits.

The guide is README.md in this folder.

>>> from clickasync.connect import ConnectErrorCode
>>> ConnectErrorCode("439").description
'Username is unavailable'
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from clickasync.codes import ConnectErrorCode
from clickasync.connect.models import (
    AccountType,
    CallbackType,
    Captcha,
    ConnectionType,
    Country,
    CountryPrefix,
    SmsActivation,
)

if TYPE_CHECKING:
    from clickasync.connect.client import ConnectClient

__all__ = [
    "AccountType",
    "CallbackType",
    "Captcha",
    "ConnectClient",
    "ConnectErrorCode",
    "ConnectionType",
    "Country",
    "CountryPrefix",
    "SmsActivation",
]


def __getattr__(name: str) -> object:
    # The codes and models are of the lower floors; who imports them from here must not get the network with them.
    if name == "ConnectClient":
        from clickasync.connect.client import ConnectClient

        return ConnectClient
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
