"""The control interface: what a test or a person does to the simulator over HTTP, beside the API that it simulates.

`ENDPOINTS` is the table; ``/simulator/openapi.json`` describes them for programs. What cannot be read is a 400 with
``{"error": "..."}``.
"""

from __future__ import annotations

from typing import Final

from starlette.routing import Route

from clickasync.simulator.commands import NAMES
from clickasync.simulator.gateway import Gateway
from clickasync.simulator.server import asking, doing, export, openapi
from clickasync.simulator.server.endpoints import Endpoint, Parameter, route
from clickasync.simulator.server.stream import event_stream
from clickasync.simulator.world.events import CallbackType

__all__ = ["control_routes"]


def control_routes(gateway: Gateway) -> list[Route]:
    """The routes of the control interface."""
    return [route(gateway, endpoint) for endpoint in ENDPOINTS]


_SINCE: Final = Parameter("since", "integer", "leave out what has this number or a lower one", minimum=0)
_LIMIT: Final = Parameter("limit", "integer", "no more than so many", minimum=1)
_API_ID: Final = Parameter("api_id", "string", "the account; by default the first")
_ID: Final = Parameter("id", "string", "the apimsgid", required=True)
_RULE: Final = Parameter("id", "integer", "the ID of the fault", required=True)

_FAULT: Final = (
    Parameter("command", "string", "which command; * for all; by default sendmsg", choices=(*sorted(NAMES), "*")),
    Parameter("times", "integer", "the next so many calls; by default 1", minimum=1),
    Parameter("probability", "number", "with it, each call from now on, above 0 and at most 1", minimum=0),
    Parameter("seed", "integer", "of the dice"),
    Parameter("error", "string", "refuse with this code"),
    Parameter("http", "integer", "answer with this HTTP status", minimum=200),
    Parameter("retry_after", "integer", "seconds, the header beside http", minimum=0),
    Parameter(
        "reset", "string", "reset the connection, before or after the call is taken", choices=("before", "after")
    ),
    Parameter("cut", "boolean", "cut the reply off"),
    Parameter("junk", "boolean", "a page of HTML in the place of the reply"),
    Parameter("second", "boolean", "a second reply that nobody asked for"),
    Parameter("hang", "number", "no reply for so many seconds, then the connection is closed", minimum=0),
    Parameter("latency", "number", "seconds that the reply is held back", minimum=0),
    Parameter("jitter", "number", "seconds, give or take, for latency", minimum=0),
    Parameter("expire", "boolean", "the session of the call has died"),
    Parameter("taken", "boolean", "whether the gateway carries the call out all the same"),
)

ENDPOINTS: Final[list[Endpoint]] = [
    Endpoint("GET", "/simulator/ready", "whether it answers", lambda gateway, values: {"ready": True}),
    Endpoint("GET", "/simulator/status", "credits, counts, the clock, sessions, batches, opt-outs", asking.status),
    Endpoint("GET", "/simulator/log", "all that happened, in order", asking.log, (_SINCE, _LIMIT)),
    Endpoint(
        "GET",
        "/simulator/messages",
        "the accepted messages",
        asking.messages,
        (_SINCE, _LIMIT, Parameter("to", "string", "those to this number")),
    ),
    Endpoint("DELETE", "/simulator/messages", "forget all messages, refusals, faults and callbacks", doing.delete_all),
    Endpoint("GET", "/simulator/messages/{id}", "one message, and the same in Python", asking.message, (_ID,)),
    Endpoint("DELETE", "/simulator/messages/{id}", "forget one message", doing.delete, (_ID,)),
    Endpoint("GET", "/simulator/refused", "what was refused", asking.refused, (_SINCE,)),
    Endpoint("GET", "/simulator/inbound", "what handsets wrote", asking.inbound, (_SINCE,)),
    Endpoint(
        "GET", "/simulator/callbacks", "callbacks that were tried, and those that wait", asking.callbacks, (_SINCE,)
    ),
    Endpoint(
        "POST",
        "/simulator/callbacks/{number:int}/redeliver",
        "make a callback again, to the URL of its account",
        doing.redeliver,
        (Parameter("number", "integer", "of the attempt", required=True),),
    ),
    Endpoint(
        "POST",
        "/simulator/target",
        "where an account's callbacks go",
        doing.target,
        (
            Parameter("url", "string", "empty for nowhere"),
            Parameter("type", "integer", "the transport", choices=tuple(int(kind) for kind in CallbackType)),
            Parameter("user", "string", "for HTTP Basic"),
            Parameter("password", "string", "for HTTP Basic"),
            _API_ID,
        ),
    ),
    Endpoint("GET", "/simulator/faults", "the faults in force, and those that were made", asking.faults),
    Endpoint("POST", "/simulator/faults", "let the next calls fail, or each by chance", doing.add_fault, _FAULT),
    Endpoint("DELETE", "/simulator/faults", "heal: no fault is in force", doing.heal),
    Endpoint(
        "POST",
        "/simulator/faults/{id:int}",
        "switch a fault on or off",
        doing.switch_fault,
        (_RULE, Parameter("on", "boolean", "whether it is in force", required=True)),
    ),
    Endpoint("DELETE", "/simulator/faults/{id:int}", "take a fault out of force", doing.remove_fault, (_RULE,)),
    Endpoint(
        "POST",
        "/simulator/mo",
        "a handset writes; gives the moMsgId of each part",
        doing.mo,
        (
            Parameter("from", "string", "the handset", required=True),
            Parameter("to", "string", "one of the account's numbers", required=True),
            Parameter("text", "string", "what it writes", required=True),
            Parameter("charset", "string", "of the handset's network; by default UTF-8"),
            Parameter("parts", "integer", "cut it into so many parts", minimum=1),
            _API_ID,
        ),
    ),
    Endpoint(
        "POST",
        "/simulator/advance",
        "let time pass",
        doing.advance,
        (
            Parameter("seconds", "number", "so much of it", minimum=0),
            Parameter("until", "string", "the next event, or the end of every delivery", choices=("next", "delivered")),
        ),
    ),
    Endpoint("POST", "/simulator/forget", "let all sessions die", doing.forget),
    Endpoint(
        "POST",
        "/simulator/credits",
        "set an account's balance",
        doing.credits,
        (Parameter("credits", "number", "the new balance", required=True, minimum=0), _API_ID),
    ),
    Endpoint(
        "POST",
        "/simulator/optin",
        "lift the opt-outs of a handset",
        doing.opt_in,
        (Parameter("handset", "string", "its number", required=True), _API_ID),
    ),
    Endpoint("POST", "/simulator/reset", "forget all that happened, heal all faults", doing.reset),
    Endpoint(
        "GET", "/simulator/export.csv", "the messages as CSV", lambda gateway, _: export.as_csv(gateway), (), "text/csv"
    ),
    Endpoint("GET", "/simulator/export.json", "the messages as JSON", lambda gateway, _: export.as_json(gateway)),
    Endpoint(
        "GET",
        "/simulator/events",
        "what happens from now on, as server-sent events",
        lambda gateway, _: event_stream(gateway),
        (),
        "text/event-stream",
    ),
    Endpoint("GET", "/simulator/openapi.json", "this document", lambda gateway, values: openapi.describe(ENDPOINTS)),
]
