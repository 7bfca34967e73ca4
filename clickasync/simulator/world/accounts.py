"""Who may call, and what they can pay with: accounts and vouchers.

===================  =====================================================================
a voucher            what ``token_pay`` answers
===================  =====================================================================
fresh                ``OK: 605``; its credits go to the account, and it is used
used                 ``ERR: 607, Expired Voucher``
never heard of       ``ERR: 606, Invalid Voucher``
===================  =====================================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from attrs import define, field

from clickasync.simulator.world.events import CallbackType, Target
from clickasync.simulator.world.refusals import Refusal

__all__ = ["VOUCHER", "Account", "Accounts", "Vouchers", "as_credits"]

VOUCHER: Final = "1234567890123456"
"""The voucher that every gateway begins with: 100 credits, once."""


def as_credits(amount: float | Decimal | str) -> Decimal:
    """An exact amount of credits; a float counts as it is written, not as it is stored.

    >>> as_credits(0.1)
    Decimal('0.1')
    """
    return amount if isinstance(amount, Decimal) else Decimal(str(amount))


@define(eq=False)
class Account:
    """An account, as one API connection (`api_id`) sees it. `credits` change; all else is set up once."""

    api_id: str
    user: str
    password: str = field(repr=False)
    credits: Decimal
    default_prefix: str
    """The country code that takes the place of a leading zero."""
    target: Target | None = None
    """Where callbacks go; None makes none."""


class Vouchers(dict[str, Decimal]):
    """The vouchers that nobody has used yet: token to credits."""

    def __init__(self, worth: Mapping[str, float | Decimal | str] | None = None) -> None:
        given = {VOUCHER: 100} if worth is None else worth
        self._all = {token: as_credits(amount) for token, amount in given.items()}
        super().__init__(self._all)
        self._used: set[str] = set()

    def redeem(self, token: str) -> Decimal:
        """Use a voucher up, and give its credits.

        Raises:
            Refusal: 607 for a used one, 606 for one that never was.
        """
        if token in self:
            self._used.add(token)
            return self.pop(token)
        raise Refusal("607" if token in self._used else "606")

    def renew(self) -> None:
        """All vouchers are fresh again."""
        self.update(self._all)
        self._used.clear()


class Accounts(dict[str, Account]):
    """The accounts by api_id.

    Args:
        default_prefix: the country code of accounts that are opened without one.
        vouchers: what can be redeemed.
    """

    def __init__(self, default_prefix: str, vouchers: Vouchers) -> None:
        super().__init__()
        self.default_prefix = default_prefix
        self.vouchers = vouchers

    def open(
        self,
        api_id: str,
        user: str,
        password: str,
        *,
        credits: float | Decimal | str = 0,
        callback_url: str | None = None,
        callback_type: CallbackType | int = CallbackType.HTTP_GET,
        callback_auth: tuple[str, str] | None = None,
        default_prefix: str | None = None,
    ) -> Account:
        """Open an account, or replace the one with that api_id."""
        prefix = self.default_prefix if default_prefix is None else default_prefix
        target = Target(callback_url, CallbackType(callback_type), callback_auth) if callback_url else None
        account = self[api_id] = Account(api_id, user, password, as_credits(credits), prefix, target)
        return account

    def log_in(self, fields: Mapping[str, str]) -> Account:
        """The account that `fields` log in to: 108 without a usable api_id, 001 for all else that is wrong."""
        api_id = fields.get("api_id", "")
        account = self.get(api_id)
        if account is None and not (api_id.isascii() and api_id.isdigit()):  # an API key may stand in its place
            raise Refusal("108")
        if account is None or (account.user, account.password) != (fields.get("user"), fields.get("password")):
            raise Refusal("001")
        return account
