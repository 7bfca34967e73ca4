"""`ConnectClient`: the sixteen calls of the Connect API as awaitable methods."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, Self

from clickasync.connect import models, readers
from clickasync.connect.executor import ConnectExecutor, usable_token
from clickasync.core.watching import Watch
from clickasync.errors import ConfigurationError, ConnectError
from clickasync.redaction import hidden
from clickasync.transport import BaseUrl, Transport, parse_base_url

if TYPE_CHECKING:
    from types import TracebackType

    import httpx

    from clickasync.connect.executor import SolvedCaptcha
    from clickasync.observe import Observer

__all__ = ["ConnectClient"]


class _Default(str):
    """An address that was not given: the environment may name another one."""

    __slots__ = ()


_BASE_URL: Final = _Default("https://connect.clickatell.com")


class ConnectClient:
    """The Connect API: opens Clickatell accounts for your own users. Its methods have the names of the actions.

    The token belongs to your application and is part of the URL. It reaches no error, `repr` or log of this package.
    With an `http_client` of your own that is not so: httpx logs every URL, and the token with it, at INFO. Set the
    logger ``httpx`` to WARNING where that must not be.

    Values go out as they are given; a wrong one is an `InvalidOptionError` before anything is sent. After too many
    failed logins the gateway answers with a `ConnectError` whose `captcha_required` is true: repeat the call with
    ``captcha=(captcha_id, captcha_code)``, as solved by a person.

    Every method may raise these, and what its own docstring says:
        InvalidOptionError: a parameter is missing or breaks its rule; nothing was sent.
        ConnectError: the gateway answered with errors.
        TransportError: nothing was sent, or a call that changes nothing failed; `retries` did not help.
        ProtocolError: the reply to a call that changes nothing could not be read.
        OutcomeUnknownError: a call that changes something went out, and no readable reply came back. It is not
            repeated, because it may have been carried out.

    Args:
        token: 32 hexadecimal digits; falls back to the variable CLICKATELL_CONNECT_TOKEN.
        base_url: by default CLICKATELL_CONNECT_BASE_URL of the environment, else ``https://connect.clickatell.com``.
            ``http://`` only for loopback, unless `allow_insecure`.
        http_client: an `httpx.AsyncClient` of your own; it is not closed.
        timeout: seconds, or an `httpx.Timeout`.
        retries: how often a call is repeated where a repeat can do no harm.
        allow_insecure: permit a plain ``http://`` base that is not loopback.
        observer: sees every attempt of every call: see `clickasync.Observer`.

    Raises:
        ConfigurationError: there is no token, or it or the `base_url` cannot be used.

    >>> async def countries() -> None:
    ...     async with ConnectClient("00112233445566778899aabbccddeeff") as connect:
    ...         for country in await connect.get_list_country():
    ...             print(country.id, country.name)
    """

    def __init__(
        self,
        token: str | None = None,
        *,
        base_url: str = _BASE_URL,
        http_client: httpx.AsyncClient | None = None,
        timeout: float | httpx.Timeout = 30.0,
        retries: int = 2,
        allow_insecure: bool = False,
        observer: Observer | None = None,
    ) -> None:
        token = hidden(token)
        if isinstance(base_url, _Default):
            base_url = os.environ.get("CLICKATELL_CONNECT_BASE_URL") or base_url
        if retries < 0:
            raise ConfigurationError("retries must be 0 or more")
        self._base = parse_base_url(base_url, allow_insecure=allow_insecure)
        self._transport = Transport(self._base, http_client=http_client, timeout=timeout)
        watch = Watch(observer, self._base.authority)
        self._executor = ConnectExecutor(usable_token(token), self._transport, retries, watch)

    _base: BaseUrl | None = None  # of one whose constructor failed, which a debugger may want to show

    def __repr__(self) -> str:
        return f"ConnectClient(base_url={self._base.url!r})" if self._base else "ConnectClient()"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections. May be called twice."""
        await self._transport.aclose()

    async def get_list_country(self) -> list[models.Country]:
        """All countries (``get_list_country``), for `register` and `get_list_terms`."""
        return await self._executor.execute("get_list_country", readers.countries)

    async def get_list_country_prefix(self) -> list[models.CountryPrefix]:
        """The dialling prefixes of all countries (``get_list_country_prefix``)."""
        return await self._executor.execute("get_list_country_prefix", readers.country_prefixes)

    async def get_list_account(self) -> list[models.AccountType]:
        """The kinds of accounts (``get_list_account``), for `register`."""
        return await self._executor.execute("get_list_account", readers.account_types)

    async def get_list_callback(self) -> list[models.CallbackType]:
        """The transports for reports and replies (``get_list_callback``), for `create_connection`."""
        return await self._executor.execute("get_list_callback", readers.callback_types)

    async def get_list_connection(self) -> list[models.ConnectionType]:
        """The kinds of APIs (``get_list_connection``), for `create_connection`."""
        return await self._executor.execute("get_list_connection", readers.connection_types)

    async def get_list_terms(
        self,
        *,
        country_id: int | None = None,
        client_ip_address: str | None = None,
        terms_format: int | None = None,
    ) -> str:
        """The URL of the terms and conditions (``get_list_terms``).

        Args:
            country_id: the country whose terms are wanted; the gateway prefers it to `client_ip_address`.
            client_ip_address: of your user; the gateway finds the country by it.
            terms_format: 1 text, 2 HTML.
        """
        return await self._executor.execute(
            "get_list_terms",
            readers.one("url_location"),
            country_id=country_id,
            client_ip_address=client_ip_address,
            terms_format=terms_format,
        )

    async def get_captcha(self) -> models.Captcha:
        """A new captcha (``get_captcha``). It serves for 15 minutes and for one attempt."""
        return await self._executor.execute("get_captcha", readers.captcha)

    async def register(
        self,
        user: str,
        password: str,
        *,
        fname: str,
        sname: str,
        email_address: str,
        country_id: int,
        mobile_number: str,
        accept_terms: bool | int,
        captcha: SolvedCaptcha,
        account_id: int | None = None,
        company: str | None = None,
        email_format: int | None = None,
        weekly_update: bool | int | None = None,
        force_create: bool | int | None = None,
        coupon_code: str | None = None,
        activation_redirect: str | None = None,
        test_mode: bool | int | None = None,
    ) -> None:
        """Open an account (``register``). The gateway then sends the activation link by e-mail.

        Args:
            user: 1 to 128 letters and digits.
            password: 6 to 32 letters and digits.
            fname: first name, at most 80 characters.
            sname: surname, at most 80 characters.
            email_address: at most 64 characters.
            country_id: as from `get_list_country`.
            mobile_number: digits only, international, at most 30.
            accept_terms: your user accepts the terms of `get_list_terms`; without that there is no account (410).
            captcha: from `get_captcha`, solved by your user.
            account_id: as from `get_list_account`; the gateway takes 1, International, by default.
            company: at most 80 characters; the gateway takes "Personal Use" by default.
            email_format: of the activation e-mail: 1 text, 2 HTML.
            weekly_update: whether your user wants the weekly newsletter.
            force_create: open it even if there is an account with this e-mail address (105 otherwise).
            coupon_code: a voucher for credits.
            activation_redirect: the ``http(s)://`` URL that your user sees after following the activation link.
            test_mode: check everything and open nothing.
        """
        password, captcha, coupon_code = hidden((password, captcha, coupon_code))
        await self._executor.execute(
            "register",
            readers.nothing,
            captcha,
            user=user,
            password=password,
            fname=fname,
            sname=sname,
            email_address=email_address,
            country_id=country_id,
            mobile_number=mobile_number,
            accept_terms=accept_terms,
            account_id=account_id,
            company=company,
            email_format=email_format,
            weekly_update=weekly_update,
            force_create=force_create,
            coupon_code=coupon_code,
            activation_redirect=activation_redirect,
            test_mode=test_mode,
        )

    async def resend_email_activation(
        self,
        user: str,
        password: str,
        *,
        email_address: str | None = None,
        captcha: SolvedCaptcha | None = None,
    ) -> str:
        """Send the activation e-mail again (``resend_email_activation``). Gives the user number.

        Args:
            user: as registered.
            password: as registered.
            email_address: changes the account's address, and sends it there.
            captcha: where the gateway asked for one.
        """
        password, captcha = hidden((password, captcha))
        return await self._executor.execute(
            "resend_email_activation",
            readers.one("usernumber"),
            captcha,
            user=user,
            password=password,
            email_address=email_address,
        )

    async def authenticate_user(self, user: str, password: str, *, captcha: SolvedCaptcha | None = None) -> str:
        """Check a user name and password (``authenticate_user``). Gives the user number.

        The account must have been activated by e-mail (103 otherwise). A failed login counts, and after too many
        the gateway asks for a captcha: that is why this is never repeated.
        """
        password, captcha = hidden((password, captcha))
        return await self._executor.execute(
            "authenticate_user", readers.one("usernumber"), captcha, user=user, password=password
        )

    async def forgot_password(self, user: str, email_address: str, *, captcha: SolvedCaptcha) -> None:
        """Have a new password sent by e-mail (``forgot_password``); the old one is no longer good then."""
        captcha = hidden(captcha)
        await self._executor.execute(
            "forgot_password", readers.nothing, captcha, user=user, email_address=email_address
        )

    async def sms_activation_status(
        self, user: str, password: str, *, captcha: SolvedCaptcha | None = None
    ) -> models.SmsActivation:
        """Whether the account is activated by SMS (``sms_activation_status``). Not activated is an answer."""
        password, captcha = hidden((password, captcha))
        try:
            return await self._executor.execute(
                "sms_activation_status", readers.activation, captcha, user=user, password=password
            )
        except ConnectError as error:
            if error.codes != ("104",):
                raise
        return models.SmsActivation(activated=False)

    async def send_activation_sms(
        self,
        user: str,
        password: str,
        *,
        mobile_number: str | None = None,
        captcha: SolvedCaptcha | None = None,
    ) -> None:
        """Send the activation code by SMS (``send_activation_sms``).

        Args:
            user: as registered.
            password: as registered.
            mobile_number: changes the account's number, and sends it there. Digits only, at most 30.
            captcha: where the gateway asked for one.
        """
        password, captcha = hidden((password, captcha))
        await self._executor.execute(
            "send_activation_sms",
            readers.nothing,
            captcha,
            user=user,
            password=password,
            mobile_number=mobile_number,
        )

    async def validate_activation_sms(
        self, user: str, password: str, sms_activation_code: str, *, captcha: SolvedCaptcha | None = None
    ) -> None:
        """Activate the account by the code in the activation SMS (``validate_activation_sms``).

        Args:
            user: as registered.
            password: as registered.
            sms_activation_code: at most 11 characters.
            captcha: where the gateway asked for one.
        """
        password, sms_activation_code, captcha = hidden((password, sms_activation_code, captcha))
        await self._executor.execute(
            "validate_activation_sms",
            readers.nothing,
            captcha,
            user=user,
            password=password,
            sms_activation_code=sms_activation_code,
        )

    async def create_connection(
        self,
        user: str,
        password: str,
        connection_id: int | None = None,
        *,
        ftp_password: str | None = None,
        api_description: str | None = None,
        ip_address: str | None = None,
        Dial_prefix: str | None = None,  # noqa: N803 - the guide spells it so, and names are case-sensitive
        callback_url: str | None = None,
        callback_type_id: int | None = None,
        callback_username: str | None = None,
        callback_password: str | None = None,
        captcha: SolvedCaptcha | None = None,
    ) -> str:
        """Add an API to the account (``create_connection``). Gives its ``api_id``, with which `Client` can send.

        Args:
            user: as registered.
            password: as registered.
            connection_id: the kind of API, as from `get_list_connection`.
            ftp_password: for FTP, which needs it (420): at most 10 characters.
            api_description: a name for it.
            ip_address: IPv4 or IPv6 addresses, joined by commas: only they may use it.
            Dial_prefix: put in front of numbers that begin with a zero.
            callback_url: the ``http(s)://`` URL to be called with statuses and replies.
            callback_type_id: how it is called, as from `get_list_callback`.
            callback_username: for the callback URL, at most 64 characters.
            callback_password: for the callback URL, at most 64 characters.
            captcha: where the gateway asked for one.
        """
        password, ftp_password, callback_password, captcha = hidden(
            (password, ftp_password, callback_password, captcha)
        )
        return await self._executor.execute(
            "create_connection",
            readers.one("api_id"),
            captcha,
            user=user,
            password=password,
            connection_id=connection_id,
            ftp_password=ftp_password,
            api_description=api_description,
            ip_address=ip_address,
            Dial_prefix=Dial_prefix,
            callback_url=callback_url,
            callback_type_id=callback_type_id,
            callback_username=callback_username,
            callback_password=callback_password,
        )

    async def buy_credits_url(self, user: str, password: str, *, captcha: SolvedCaptcha | None = None) -> str:
        """The URL of the page where your user buys credits (``buy_credits_url``)."""
        password, captcha = hidden((password, captcha))
        return await self._executor.execute(
            "buy_credits_url", readers.one("buy_url"), captcha, user=user, password=password
        )
