"""The interface that users see: names and signatures are a contract."""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from inspect import Parameter
from types import UnionType
from typing import Any, Final, Unpack, get_args, get_origin, get_type_hints

import attrs
import pytest

import clickasync
from clickasync import (
    Batch,
    Bulk,
    Client,
    ConnectClient,
    Message,
    MessageOptions,
    SendOptions,
    SendResult,
)
from clickasync.pins import PinSender, PinSent
from clickasync.simulator.faults.effects import FaultOptions
from clickasync.testing import Clickatell

PUBLIC: Final = {
    "clickasync": """
        Client ConnectClient Message MessageOptions SendOptions Batch Bulk
        Accepted Rejected Uncertain Skipped SendResult MessageState MessageCharge Coverage Progress
        Country CountryPrefix AccountType CallbackType ConnectionType Captcha SmsActivation
        ClickatellError ConfigurationError InvalidOptionError InvalidNumberError ApiError AuthenticationError
        SessionExpiredError InvalidRequestError UnknownMessageError UnreachableError QuotaExceededError CreditError
        GatewayError TransportError OutcomeUnknownError ProtocolError ConnectError CallbackError
        MessageStatus ErrorCode Callback MessageType Feature Queue ConnectErrorCode
        Observer CallStarted CallEnded
    """,
    "clickasync.blocking": "Client Bulk Batch PinSender",
    "clickasync.testing": "Clickatell",
    "clickasync.pins": "PinSender PinSent PinLimitError MemoryStore SqlStore",
    "clickasync.otel": "observer",
    "clickasync.callbacks": "parse receiver Assembler DeliveryReport InboundMessage OptOut Part CallbackError",
    "clickasync.simulator": "Gateway serve serving",
}


@pytest.mark.parametrize(
    ("place", "name"), [(place, name) for place, names in PUBLIC.items() for name in names.split()]
)
def test_a_public_name_is_where_it_is_looked_for(place: str, name: str) -> None:
    module = import_module(place)
    assert hasattr(module, name)
    assert name in module.__all__


@pytest.mark.parametrize("place", PUBLIC)
def test_every_name_that_a_package_promises_is_there(place: str) -> None:
    module = import_module(place)
    assert sorted(set(module.__all__)) == sorted(module.__all__)
    assert [name for name in module.__all__ if not hasattr(module, name)] == []


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="Nothing"):
        _ = clickasync.Nothing


def test_the_package_says_its_version() -> None:
    assert isinstance(clickasync.__version__, str)


def test_the_types_are_handed_on() -> None:
    assert import_module("pathlib").Path(clickasync.__file__).with_name("py.typed").exists()


# -- signatures

NEEDED: Final = Parameter.empty

# method: (positional parameters, keyword-only parameters, options), each parameter with its default
Contract = tuple[dict[str, Any], dict[str, Any], type | None]

CLIENT: Final[dict[str, Contract]] = {
    "__init__": (
        {},
        {
            "api_id": None,
            "user": None,
            "password": None,
            "base_url": None,
            "http_client": None,
            "timeout": 30.0,
            "retries": 2,
            "max_connections": 8,
            "batch_size": 300,
            "rate_limit": None,
            "resend_unknown": False,
            "keep_session_alive": True,
            "ping_interval": 600.0,
            "session_lifetime": 900.0,
            "allow_insecure": False,
            "observer": None,
        },
        None,
    ),
    "aclose": ({}, {}, None),
    "send": ({"to": NEEDED, "text": None}, {}, SendOptions),
    "send_many": ({"to": NEEDED, "text": None}, {}, MessageOptions),
    "bulk": (
        {"source": NEEDED, "text": None},
        {"batch_size": None, "rate_limit": None, "max_in_flight": None, "patience": 60.0, "total": None},
        MessageOptions,
    ),
    "status": ({"id": None}, {"climsgid": None}, None),
    "charge": ({"id": None}, {"climsgid": None}, None),
    "cancel": ({"id": None}, {"climsgid": None}, None),
    "balance": ({}, {}, None),
    "redeem": ({"token": NEEDED}, {}, None),
    "coverage": ({"msisdn": NEEDED}, {}, None),
    "ping": ({}, {}, None),
    "authenticate": ({}, {}, None),
    "batch": ({"template": NEEDED}, {}, MessageOptions),
    "push_mms": (
        {"to": NEEDED},
        dict.fromkeys(["mms_subject", "mms_class", "mms_expire", "mms_from", "mms_url"], NEEDED),
        None,
    ),
    "push_wap": (
        {"to": NEEDED},
        dict.fromkeys(["si_id", "si_url", "si_text"], NEEDED)
        | dict.fromkeys(["si_created", "si_expires", "si_action"]),
        None,
    ),
    "wait_for_delivery": ({"id": NEEDED}, {"timeout": None}, None),
}

LOGIN: Final = {"user": NEEDED, "password": NEEDED}

CONNECT: Final[dict[str, Contract]] = {
    "__init__": (
        {"token": None},
        {
            "base_url": "https://connect.clickatell.com",
            "http_client": None,
            "timeout": 30.0,
            "retries": 2,
            "allow_insecure": False,
            "observer": None,
        },
        None,
    ),
    "aclose": ({}, {}, None),
    "get_list_country": ({}, {}, None),
    "get_list_country_prefix": ({}, {}, None),
    "get_list_account": ({}, {}, None),
    "get_list_callback": ({}, {}, None),
    "get_list_connection": ({}, {}, None),
    "get_list_terms": ({}, {"country_id": None, "client_ip_address": None, "terms_format": None}, None),
    "get_captcha": ({}, {}, None),
    "authenticate_user": (LOGIN, {"captcha": None}, None),
    "forgot_password": ({"user": NEEDED, "email_address": NEEDED}, {"captcha": NEEDED}, None),
    "sms_activation_status": (LOGIN, {"captcha": None}, None),
    "validate_activation_sms": ({**LOGIN, "sms_activation_code": NEEDED}, {"captcha": None}, None),
    "create_connection": (LOGIN, {"captcha": None}, None),
    "buy_credits_url": (LOGIN, {"captcha": None}, None),
}

BATCH: Final[dict[str, Contract]] = {"send_many": ({"to": NEEDED}, {}, None)}

PINS: Final[dict[str, Contract]] = {
    "__init__": (
        {"client": NEEDED},
        {
            "store": None,
            "template": "Your code is {pin}",
            "digits": 6,
            "lifetime": 300,
            "tries": 3,
            "pause": 30,
            "per_hour": 5,
            "secret": None,
        },
        MessageOptions,
    ),
    "send": ({"number": NEEDED}, {}, None),
    "verify": ({"number": NEEDED, "pin": NEEDED}, {}, None),
}

_SOUGHT: Final = {"to": None, "text": None, "count": 1}

FIXTURE: Final[dict[str, Contract]] = {
    "sent_to": ({"number": NEEDED}, {}, None),
    "assert_sent": ({}, _SOUGHT, None),
    "assert_nothing_sent": ({}, {}, None),
    "wait_for": ({}, {**_SOUGHT, "timeout": 5}, None),
    "await_for": ({}, {**_SOUGHT, "timeout": 5}, None),
    "code": ({"to": None}, {}, None),
    "reply": ({"from_": NEEDED, "text": NEEDED}, {}, None),
    "advance": ({"seconds": NEEDED}, {}, None),
    "deliver_all": ({}, {}, None),
    "report_to": ({"url_or_app": NEEDED, "auth": None}, {}, None),
    "fail_next": ({"command": "sendmsg"}, {"times": 1}, FaultOptions),
    "expire_sessions": ({}, {}, None),
}

EACH: Final = [
    (kind, name, contract)
    for kind, contracts in (
        (Client, CLIENT),
        (ConnectClient, CONNECT),
        (Batch, BATCH),
        (PinSender, PINS),
        (Clickatell, FIXTURE),
    )
    for name, contract in contracts.items()
]
every_signature = pytest.mark.parametrize(
    ("kind", "name", "contract"), EACH, ids=[f"{kind.__name__}.{name}" for kind, name, _ in EACH]
)


def parameters_of(function: Callable[..., object], *kinds: Any) -> dict[str, Any]:
    signature = inspect.signature(function)
    return {
        name: parameter.default
        for name, parameter in signature.parameters.items()
        if parameter.kind in kinds and name != "self"
    }


@every_signature
def test_positional_parameters_stand_in_their_order(kind: type, name: str, contract: Contract) -> None:
    """Positional parameters stand in their order with their defaults."""
    found = parameters_of(getattr(kind, name), Parameter.POSITIONAL_OR_KEYWORD)
    assert list(found.items())[: len(contract[0])] == list(contract[0].items())
    assert NEEDED not in list(found.values())[len(contract[0]) :]  # what is more is not needed


@every_signature
def test_keyword_parameters_have_their_defaults(kind: type, name: str, contract: Contract) -> None:
    found = parameters_of(getattr(kind, name), Parameter.KEYWORD_ONLY)
    assert {key: found.get(key, "missing") for key in contract[1]} == contract[1]
    assert NEEDED not in [default for key, default in found.items() if key not in contract[1]]


@every_signature
def test_options_are_typed_so_that_editors_complete_them(kind: type, name: str, contract: Contract) -> None:
    function = getattr(kind, name)
    rest = parameters_of(function, Parameter.VAR_KEYWORD)
    assert bool(rest) == (contract[2] is not None)
    for parameter in rest:
        assert inspect.get_annotations(function)[parameter] == f"Unpack[{contract[2].__name__ if contract[2] else ''}]"


@every_signature
def test_what_users_call_is_documented(kind: type, name: str, contract: Contract) -> None:
    if name != "__init__":
        assert len(inspect.getdoc(getattr(kind, name)) or "") > 20
    assert inspect.getdoc(kind)


@pytest.mark.parametrize("kind", [Client, ConnectClient])
def test_a_client_has_no_parameters_that_only_stand_by_position(kind: type) -> None:
    for name, function in inspect.getmembers(kind, inspect.isfunction):
        if not name.startswith("_"):
            assert not parameters_of(function, Parameter.POSITIONAL_ONLY), name


def test_registration_takes_the_parameters_of_the_guide() -> None:
    guide = """user password fname sname email_address country_id mobile_number accept_terms captcha account_id company
        email_format weekly_update force_create coupon_code activation_redirect test_mode"""
    assert set(guide.split()) <= inspect.signature(ConnectClient.register).parameters.keys()


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("resend_email_activation", "user password email_address captcha"),
        ("send_activation_sms", "user password mobile_number captcha"),
        (
            "create_connection",
            "user password connection_id ftp_password api_description ip_address Dial_prefix callback_url "
            "callback_type_id callback_username callback_password captcha",
        ),
    ],
)
def test_connect_methods_take_the_parameters_of_the_guide(name: str, parameters: str) -> None:
    assert set(parameters.split()) <= inspect.signature(getattr(ConnectClient, name)).parameters.keys()


AWAITABLE: Final = set(CLIENT) - {"__init__", "bulk", "batch"}


@pytest.mark.parametrize("name", sorted(AWAITABLE))
def test_commands_are_awaitable(name: str) -> None:
    assert inspect.iscoroutinefunction(getattr(Client, name))


@pytest.mark.parametrize("name", ["bulk", "batch"])
def test_runs_are_context_managers_and_need_no_await(name: str) -> None:
    assert not inspect.iscoroutinefunction(getattr(Client, name))
    made = {"bulk": Bulk, "batch": Batch}[name]
    assert {"__aenter__", "__aexit__"} <= set(dir(made))


@pytest.mark.parametrize("kind", [Client, ConnectClient])
def test_clients_are_context_managers(kind: type) -> None:
    assert inspect.iscoroutinefunction(kind.__dict__["__aenter__"])
    assert inspect.iscoroutinefunction(kind.__dict__["__aexit__"])


def test_a_bulk_run_is_iterated_and_tells_how_it_went() -> None:
    assert {"__aiter__", "__anext__", "progress", "unfinished"} <= set(dir(Bulk))


def test_a_batch_has_its_id_and_sends() -> None:
    assert {"id", "send", "send_many"} <= set(dir(Batch))
    assert list(inspect.signature(Batch.send).parameters) == ["self", "to", "fields"]
    assert inspect.signature(Batch.send).parameters["fields"].kind is Parameter.VAR_POSITIONAL


def test_a_message_takes_a_number_a_text_and_options() -> None:
    parameters = inspect.signature(Message).parameters
    assert [parameters[name].default for name in ("to", "text")] == [NEEDED, None]
    assert get_origin(get_type_hints(Message.__init__)["options"]) is Unpack


@pytest.mark.parametrize(
    ("options", "names"),
    [
        (
            MessageOptions,
            """from_ callback concat deliv_time scheduled_time mo unicode max_credits req_feat queue escalate validity
            msg_type udh data binary deliv_ack""",
        ),
        (SendOptions, "climsgid from_"),
    ],
)
def test_every_option_has_its_name_and_may_be_none(options: type, names: str) -> None:
    hints = get_type_hints(options)
    assert set(names.split()) <= hints.keys()
    assert all(type(None) in get_args(hint) for hint in hints.values())
    assert options.__required_keys__ == frozenset()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("Accepted", "to id climsgid tag"),
        ("Rejected", "to error tag"),
        ("Uncertain", "to climsgid error known_to_gateway tag"),
        ("Skipped", "to reason tag"),
        ("MessageState", "id status"),
        ("MessageCharge", "id charge status"),
        ("Coverage", "msisdn covered charge message"),
        ("Country", "id name"),
        ("CountryPrefix", "country_id prefix"),
        ("AccountType", "id name"),
        ("CallbackType", "id name"),
        ("ConnectionType", "id name"),
        ("Captcha", "id image"),
        ("SmsActivation", "activated mobile_number user_number"),
    ],
)
def test_a_value_has_its_fields_in_their_order(name: str, fields: str) -> None:
    assert [field.name for field in attrs.fields(getattr(clickasync, name))] == fields.split()


def test_the_fixture_shows_what_arrived() -> None:
    assert all(isinstance(vars(Clickatell)[name], property) for name in ("messages", "last", "callbacks"))
    assert {"url", "gateway"} <= inspect.signature(Clickatell).parameters.keys()
    assert inspect.iscoroutinefunction(Clickatell.await_for)


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (clickasync.CallStarted, "command recipients parts server attempt"),
        (clickasync.CallEnded, "outcome accepted rejected uncertain error code seconds renewed"),
        (PinSent, "expires_at"),
    ],
)
def test_what_hooks_and_codes_give_has_its_fields(kind: type, fields: str) -> None:
    assert [field.name for field in attrs.fields(kind)] == fields.split()


@pytest.mark.parametrize(
    ("code", "missing", "extra"),
    [
        ("import clickasync.otel", "opentelemetry", "otel"),
        ("from clickasync.pins import SqlStore", "sqlalchemy", "pins"),
        ("from clickasync.simulator import *; serving(Gateway()).__enter__()", "starlette", "simulator"),
        ("from clickasync.testing.server import Server; Server().__enter__()", "starlette", "simulator"),
    ],
)
def test_without_its_extra_a_room_says_what_to_install(code: str, missing: str, extra: str) -> None:
    probe = f"import sys; sys.modules[{missing!r}] = None; {code}"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=False)
    assert f"pip install 'clickasync[{extra}]'" in done.stderr.splitlines()[-1]


def test_a_send_result_is_the_union_of_four() -> None:
    assert isinstance(SendResult, UnionType)
    assert [kind.__name__ for kind in get_args(SendResult)] == ["Accepted", "Rejected", "Uncertain", "Skipped"]
