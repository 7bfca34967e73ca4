"""The simulator's Connect API: accounts that register, are activated, and get connections that the HTTP API takes.

It is served at ``/<token>`` with `TOKEN` as its token. What the gateway would send to people is in `Connect.outbox`:
e-mails, whose link activates an account when it is followed, and SMS with activation codes. Captchas come as real PNGs;
what they show is in `Connect.captchas`. Over HTTP, all of it is at ``GET /simulator/connect``.

How to reach each error:

- any code at all: a user called ``error`` and the code (``error008``), a mobile number of ``999`` and a code from 100
  up (``999101``), or `Connect.refuse_next`; by HTTP, ``POST /simulator/connect/refuse`` with ``code`` (several, joined
  by commas, are answered together), and if wanted ``description`` and ``action``;
- 003, 004: ten failed logins from one address, three of one user: a captcha is needed until a login succeeds;
- 005: another token; 006: ``connect.users["anna"].active = False``; 007: `Connect.forbidden`; 008: `Connect.enabled`;
  009: `Connect.require_https`;
- 102: three wrong activation codes; 103, 104, 107, 108: as the account's state has it; 105: an e-mail address that
  has an account already, without ``force_create``; 109: a coupon that is not in `Connect.coupons`;
- 400 to 403: a captcha that does not exist, is wrong, is older than 15 minutes, was used; 404, 405: wrong credentials;
- 406 to 435: that parameter missing or wrong; 410: ``accept_terms=0``; 430: an unknown action; 439: the name is taken.
"""

from __future__ import annotations

from clickasync.simulator.connect.api import TOKEN, Connect
from clickasync.simulator.connect.people import Email, Sms, User

__all__ = ["TOKEN", "Connect", "Email", "Sms", "User"]
