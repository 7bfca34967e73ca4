"""The XML of the Connect API, as text and bytes."""

from __future__ import annotations

import contextlib
import time
import tracemalloc
from typing import TYPE_CHECKING

import pytest
import xmltodict
from hypothesis import given
from hypothesis import strategies as st

from clickasync.connect.codec import read_reply, write_request
from clickasync.errors import ConnectError, InvalidOptionError, ProtocolError
from clickasync.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Callable

XML_TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff"), min_size=1)


def test_a_request_without_parameters_is_the_documented_one() -> None:
    assert write_request("get_list_callback", []) == (
        "<clickatellsdk><action>get_list_callback</action></clickatellsdk>"
    )


def test_parameters_keep_their_order_and_empty_ones_are_left_out() -> None:
    written = write_request("x", [("user", "u"), ("company", None), ("fname", ""), ("Dial_prefix", "0")])
    assert written == "<clickatellsdk><action>x</action><user>u</user><Dial_prefix>0</Dial_prefix></clickatellsdk>"


def test_everything_that_means_something_in_xml_is_escaped() -> None:
    written = write_request("x", [("fname", "</fname><user>&amp;\"'\r]]>")])
    assert "<fname>&lt;/fname&gt;&lt;user&gt;&amp;amp;&quot;&apos;&#13;]]&gt;</fname>" in written


@given(XML_TEXT)
def test_any_text_survives_the_way_through_xml(text: str) -> None:
    read = xmltodict.parse(write_request("x", [("fname", text)]), strip_whitespace=False)
    assert read["clickatellsdk"]["fname"] == text


@pytest.mark.parametrize("character", ["\0", "\x0b", "\x1f", "\ud800", "\ufffe", "\uffff"])
def test_a_character_that_xml_cannot_say_is_refused(character: str) -> None:
    """A character that XML cannot say is refused by the name of its parameter."""
    with pytest.raises(InvalidOptionError, match="sname holds U\\+") as caught:
        write_request("x", [("sname", f"top secret {character}")])
    assert "top secret" not in str(caught.value)


def test_the_vendors_example_gives_two_callback_types(documented_reply: bytes) -> None:
    """The vendor's example gives two callback types and its dots are ignored."""
    assert b"..." in documented_reply
    assert read_reply(documented_reply) == [
        {"callback_type_id": "0", "callback_type": "HTTP GET"},
        {"callback_type_id": "6", "callback_type": "SOAP POST"},
    ]


@pytest.mark.parametrize("root", ["ClICKATELLSDK", "CLICKATELLSDK", "clickatellsdk"])
def test_the_root_may_be_spelled_any_way(success: Callable[..., bytes], root: str) -> None:
    assert read_reply(success("<api_id>1</api_id>", root=root)) == [{"api_id": "1"}]


def test_elements_may_be_spelled_any_way() -> None:
    values = b"<vALUES><VALUE><UserNumber> 7 </UserNumber></VALUE></vALUES>"
    reply = b"<clickatellsdk><RESULT>success</RESULT>%s</clickatellsdk>" % values
    assert read_reply(reply) == [{"usernumber": "7"}]


@pytest.mark.parametrize(
    "values", ["", "<Values/>", "<Values> </Values>", "<Values>...</Values>", "<Values><Value/></Values>"]
)
def test_no_value_is_an_empty_list(values: str) -> None:
    assert read_reply(f"<ClICKATELLSDK><Result>Success</Result>{values}</ClICKATELLSDK>".encode()) == []


def test_one_value_and_many_both_give_a_list(success: Callable[..., bytes]) -> None:
    assert read_reply(success("<a>1</a>")) == [{"a": "1"}]
    assert read_reply(success("<a>1</a>", "<a>2</a>", "<a/>")) == [{"a": "1"}, {"a": "2"}, {"a": ""}]


def test_stray_text_and_attributes_and_comments_are_ignored() -> None:
    reply = b"""<?xml version="1.0"?><!-- hello --><ClICKATELLSDK x="1">a<Result y="2">Success</Result>b
        <Values z="3">c<Value>d<name q="4"><![CDATA[R & D]]></name>e</Value>f</Values>g</ClICKATELLSDK>"""
    assert read_reply(reply) == [{"name": "R & D"}]


def test_the_declared_encoding_counts() -> None:
    reply = (
        '<?xml version="1.0" encoding="ISO-8859-1"?><clickatellsdk><Result>Success</Result>'
        "<Values><Value><name>Côte d'Ivoire</name></Value></Values></clickatellsdk>"
    )
    assert read_reply(reply.encode("latin-1")) == [{"name": "Côte d'Ivoire"}]


def test_an_error_has_its_code_and_description(failure: Callable[..., bytes]) -> None:
    with pytest.raises(ConnectError) as caught:
        read_reply(failure(("439", "Username is unavailable")))
    assert (caught.value.codes, caught.value.descriptions) == (("439",), ("Username is unavailable",))
    assert not caught.value.captcha_required


def test_several_errors_keep_their_descriptions() -> None:
    """Several errors keep their descriptions even where one has none."""
    reply = b"""<ClICKATELLSDK><Result>Error</Result><Error>431</Error><Error>432</Error>
        <Description>Invalid or missing password</Description><Error>406</Error><Description/></ClICKATELLSDK>"""
    with pytest.raises(ConnectError) as caught:
        read_reply(reply)
    assert caught.value.codes == ("431", "432", "406")
    assert caught.value.descriptions == ("", "Invalid or missing password", "")


def test_an_error_without_a_code_is_an_error_still() -> None:
    with pytest.raises(ConnectError, match="without a code"):
        read_reply(b"<ClICKATELLSDK><Result>Error</Result></ClICKATELLSDK>")


def test_an_endless_description_is_cut(failure: Callable[..., bytes]) -> None:
    with pytest.raises(ConnectError) as caught:
        read_reply(failure(("999", "x" * 100_000)))
    assert len(str(caught.value)) < 1000


BOMB = b"""<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "aaaaaaaaaa">%s]>
<ClICKATELLSDK><Result>Success</Result><Values><Value><name>&j;</name></Value></Values></ClICKATELLSDK>""" % b"".join(
    b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(9)
)
REFUSED = {
    "an entity bomb": BOMB,
    "an external entity": b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><ClICKATELLSDK><Result>&e;</Result></ClICKATELLSDK>',
    "a parameter entity": b'<!DOCTYPE x [<!ENTITY % e SYSTEM "http://127.0.0.1:9/x"> %e;]><ClICKATELLSDK/>',
    "a DTD": b"<!DOCTYPE ClICKATELLSDK><ClICKATELLSDK><Result>Success</Result></ClICKATELLSDK>",
    "an external DTD": b'<!DOCTYPE ClICKATELLSDK SYSTEM "http://127.0.0.1:9/x.dtd"><ClICKATELLSDK><Result>Success</Result></ClICKATELLSDK>',
    "a DTD in UTF-16": "<!DOCTYPE ClICKATELLSDK><ClICKATELLSDK><Result>Success</Result></ClICKATELLSDK>".encode(
        "utf-16"
    ),
    "an undefined entity": b"<ClICKATELLSDK><Result>&success;</Result></ClICKATELLSDK>",
    "100,000 levels": b"<ClICKATELLSDK><Result>Success</Result>"
    + b"<a>" * 100_000
    + b"</a>" * 100_000
    + b"</ClICKATELLSDK>",
    "100,000 levels of roots": b"<ClICKATELLSDK>" * 100_000,
    "HTML": b"<html><body><h1>502 Bad Gateway</h1></body></html>",
    "HTML with a DOCTYPE": b"<!doctype html><title>Sign in to the hotel's network</title>",
    "cut-off XML": b"<ClICKATELLSDK><Result>Success</Result><Values><Value><api_id>12",
    "XML cut off before its last tag": b"<ClICKATELLSDK><Result>Success</Result><Values/>",
    "another root": b"<soap><Result>Success</Result></soap>",
    "two roots": b"<ClICKATELLSDK><Result>Success</Result></ClICKATELLSDK><ClICKATELLSDK/>",
    "no result": b"<ClICKATELLSDK><Values/></ClICKATELLSDK>",
    "another result": b"<ClICKATELLSDK><Result>Maybe</Result></ClICKATELLSDK>",
    "elements for a result": b"<ClICKATELLSDK><Result><b>Success</b></Result></ClICKATELLSDK>",
    "elements in a field": (
        b"<ClICKATELLSDK><Result>Success</Result><Values><Value><a><b>1</b></a></Value></Values></ClICKATELLSDK>"
    ),
    "an empty root": b"<ClICKATELLSDK/>",
    "nothing": b"",
    "blanks": b"  \n ",
    "text": b"ERR: 001, Authentication failed",
    "bytes": bytes(range(256)),
    "an unknown encoding": b'<?xml version="1.0" encoding="x-none"?><ClICKATELLSDK/>',
    "20 MB": b"<ClICKATELLSDK><Result>Success</Result>" + b"<a/>" * 5_000_000 + b"</ClICKATELLSDK>",
}


@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED)
def test_what_is_no_reply_is_refused(body: bytes) -> None:
    """A reply that is none is refused and only its beginning is kept."""
    with pytest.raises(ProtocolError) as caught:
        read_reply(body)
    assert len(caught.value.reply) <= 200
    assert caught.value.__context__ is None


@pytest.mark.parametrize("name", ["an entity bomb", "100,000 levels", "100,000 levels of roots", "20 MB"])
def test_a_hostile_reply_costs_little_time_and_memory(name: str) -> None:
    tracemalloc.start()
    began = time.perf_counter()
    with pytest.raises(ProtocolError):
        read_reply(REFUSED[name])
    took, (_, peak) = time.perf_counter() - began, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert took < 2
    assert peak < 4 * 1024 * 1024


@given(st.binary(max_size=300))
def test_no_bytes_make_the_reader_raise_anything_else(body: bytes) -> None:
    with pytest.raises(ProtocolError):
        read_reply(body)


@given(st.text("<>/ab!?&;\"' \n[]-CDATAERResultValues", max_size=120))
def test_no_document_makes_the_reader_raise_anything_else(inside: str) -> None:
    with contextlib.suppress(ProtocolError, ConnectError):
        read_reply(f"<ClICKATELLSDK><Result>Success</Result>{inside}</ClICKATELLSDK>".encode())


def test_secrets_are_concealed_wherever_the_reply_repeats_them(failure: Callable[..., bytes]) -> None:
    secrets = ("0123456789abcdef", 'a<b"c&d')
    with pytest.raises(ConnectError) as refused:
        read_reply(failure(("0123456789abcdef", "no 0123456789abcdef here, nor a&lt;b&quot;c&amp;d")), secrets)
    with pytest.raises(ProtocolError) as unread:
        read_reply(b"<html>" + b"0123456789abcdef" * 90 + b'a&lt;b&quot;c&amp;d a<b"c&d', secrets)
    with pytest.raises(ProtocolError) as wide:
        read_reply("<html>0123456789abcdef".encode("utf-16-le"), secrets)
    for error in (refused.value, unread.value, wide.value):
        for secret in secrets:
            assert secret not in str(error)
            assert secret not in repr(error)
    assert refused.value.descriptions == ("no [hidden] here, nor [hidden]",)


def test_a_secret_that_the_end_cuts_off_is_concealed() -> None:
    """A secret that the end of the text cuts off is concealed too."""
    assert redact("not found: /0123456789abcd", ["0123456789abcdef"]) == "not found: /[hidden]"


def test_a_secret_is_concealed_as_it_stands_in_a_request() -> None:
    page = "you sent XML=%3Cftp_password%3Ea%26lt%3Bb+c and ftp=a%3Cb+c"
    assert redact(page, ["a<b c"]) == "you sent XML=%3Cftp_password%3E[hidden] and ftp=[hidden]"


def test_of_endless_errors_only_the_first_ones_are_told() -> None:
    with pytest.raises(ConnectError) as caught:
        read_reply(b"<ClICKATELLSDK><Result>Error</Result>" + b"<Error>999</Error>" * 50_000 + b"</ClICKATELLSDK>")
    assert caught.value.codes == ("999",) * 100
