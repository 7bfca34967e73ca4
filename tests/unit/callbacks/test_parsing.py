"""Reading callbacks: six transports, two kinds, and everything that is neither."""

from __future__ import annotations

import json
import time
import tracemalloc
from datetime import UTC, datetime
from decimal import Decimal
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clickasync.callbacks import CallbackError, DeliveryReport, InboundMessage, OptOut, Part, parse
from clickasync.codes import MessageStatus
from tests.support import callback_samples as samples
from tests.support.callback_samples import FORMS, MESSAGE, REPORT, Form, as_params, urlencoded

BOMB = (
    '<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol2 "&lol;&lol;&lol;&lol;">]>'
    "<callback><apiMsgId>&lol2;</apiMsgId></callback>"
)


def report_of(params: dict[str, str] | bytes) -> DeliveryReport:
    event = parse(params)
    assert isinstance(event, DeliveryReport)
    return event


def message_of(params: dict[str, str] | bytes, *keywords: str) -> InboundMessage:
    event = parse(params, keywords=keywords)
    assert isinstance(event, InboundMessage)
    return event


# The two kinds, however they come


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("raw", [False, True], ids=["mapping", "bytes"])
def test_the_sample_report_reads_the_same_in_every_transport(form: Form, raw: bool) -> None:
    params = as_params(form, REPORT)
    assert parse(urlencoded(params) if raw else params) == samples.EXPECTED_REPORT


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("raw", [False, True], ids=["mapping", "bytes"])
def test_the_sample_message_reads_the_same_in_every_transport(form: Form, raw: bool) -> None:
    params = as_params(form, MESSAGE)
    assert parse(urlencoded(params) if raw else params) == samples.EXPECTED_MESSAGE


@pytest.mark.parametrize("document", [samples.xml(REPORT), samples.soap(REPORT)])
@pytest.mark.parametrize("mark", ["", "\ufeff", "\n  "])
def test_a_body_that_is_the_document_itself_is_read(document: str, mark: str) -> None:
    assert parse((mark + document).encode()) == samples.EXPECTED_REPORT


def test_xml_carries_no_api_id_and_it_is_none() -> None:
    fields = {name: value for name, value in REPORT.items() if name != "api_id"}
    assert report_of({"data": samples.xml(fields)}).api_id is None


def test_names_are_read_in_any_case() -> None:
    assert parse({name.upper(): value for name, value in REPORT.items()}) == samples.EXPECTED_REPORT


def test_fields_that_nobody_knows_change_nothing() -> None:
    strange = {"operator": "1", "": "x", "network.mccmnc": "65501"}
    for form in ("http", "xml", "soap"):
        known = as_params(form, {**REPORT, "operator": "1"})
        assert parse({**strange, **known}) == samples.EXPECTED_REPORT


def test_data_beside_plain_fields_is_an_unknown_field() -> None:
    """A data parameter beside plain fields is just another unknown field."""
    assert parse({**REPORT, "data": "<not xml"}) == samples.EXPECTED_REPORT


def test_of_a_field_given_twice_the_first_counts() -> None:
    assert report_of(samples.report() + b"&status=004&STATUS=007").status == "003"
    document = samples.xml(REPORT).replace("</callback>", "<status>004</status></callback>")
    assert report_of({"data": document}).status == "003"


def test_a_question_mark_before_the_query_is_no_part_of_a_name() -> None:
    assert parse(b"?" + samples.report()) == samples.EXPECTED_REPORT


# Fields


@pytest.mark.parametrize(("given", "status"), [("3", "003"), ("003", "003"), ("0003", "003"), ("14", "014")])
def test_a_status_is_always_three_digits(given: str, status: str) -> None:
    assert report_of(samples.report(status=given)).status is MessageStatus(status)


@pytest.mark.parametrize("given", ["042", "42"])
def test_a_status_that_no_table_lists_survives(given: str) -> None:
    status = report_of(samples.report(status=given)).status
    assert status == "042"
    assert not status.is_known


def test_empty_optional_fields_of_a_report_are_empty() -> None:
    report = report_of({**REPORT, "cliMsgId": "", "charge": "", "api_id": "", "from": ""})
    assert (report.climsgid, report.charge, report.api_id, report.from_) == ("", None, None, "")


@pytest.mark.parametrize(("given", "charge"), [("0.300000", "0.3"), ("1", "1"), ("-1.5", "-1.5"), ("1.0E-4", "0.0001")])
def test_charges_are_decimal_credits(given: str, charge: str) -> None:
    assert report_of(samples.report(charge=given)).charge == Decimal(charge)


@pytest.mark.parametrize("given", ["NaN", "sNaN", "Infinity", "-inf", "1_000", "1e999999999", "free", "٣", "1" * 99])
def test_charges_that_are_no_plain_number_are_refused(given: str) -> None:
    with pytest.raises(CallbackError, match="charge"):
        parse({**REPORT, "charge": given})


@pytest.mark.parametrize("given", ["2008-08-06 09:43:50", "2008-08-0609:43:50", "2008-08-06T09:43:50"])
def test_the_date_of_a_message_is_gmt_plus_2(given: str) -> None:
    """The date of a message is GMT+2 with or without a blank."""
    timestamp = message_of(samples.message(timestamp=given)).timestamp
    assert timestamp == datetime(2008, 8, 6, 7, 43, 50, tzinfo=UTC)
    assert timestamp.tzinfo is UTC


@pytest.mark.parametrize(
    "given",
    ["yesterday", "2008-02-30 09:43:50", "0001-01-01 00:00:00", "9" * 12, "9" * 5000, "-1", "1218007814.5", "１２"],
)
def test_other_timestamps_are_refused(given: str) -> None:
    for sample in (REPORT, MESSAGE):
        with pytest.raises(CallbackError, match="timestamp"):
            parse({**sample, "timestamp": given})


@pytest.mark.parametrize("name", ["apiMsgId", "status"])
@pytest.mark.parametrize("blank", [None, "", "  "])
def test_a_report_without_what_it_needs_is_refused(name: str, blank: str | None) -> None:
    fields = {key: value for key, value in REPORT.items() if key != name}
    with pytest.raises(CallbackError, match=name):
        parse(fields if blank is None else {**fields, name: blank})


@pytest.mark.parametrize("name", ["moMsgId", "from", "to", "timestamp", "text"])
def test_a_message_without_what_it_needs_is_refused(name: str) -> None:
    with pytest.raises(CallbackError, match=name):
        parse({key: value for key, value in MESSAGE.items() if key != name})


def test_an_empty_text_is_a_text_and_blanks_around_one_are_kept() -> None:
    assert message_of(samples.message(text="")).text == ""
    for form in FORMS:
        assert message_of(as_params(form, {**MESSAGE, "text": "  hi\n "})).text == "  hi\n "


def test_a_message_without_charset_and_udh_is_read() -> None:
    fields = {key: value for key, value in MESSAGE.items() if key not in ("charset", "udh", "api_id")}
    message = message_of(fields)
    assert (message.charset, message.udh, message.api_id) == ("", b"", None)


def test_an_id_too_long_to_be_remembered_is_refused() -> None:
    with pytest.raises(CallbackError, match="apiMsgId is longer"):
        parse({**REPORT, "apiMsgId": "a" * 1000})


def test_anything_but_a_mapping_or_bytes_is_a_mistake() -> None:
    """Anything but a mapping or bytes is a mistake of the program."""
    with pytest.raises(TypeError, match="not str"):
        parse("apiMsgId=1")  # type: ignore[arg-type]


# Charsets


@pytest.mark.parametrize(
    ("charset", "text"),
    [
        ("ISO-8859-1", b"caf%E9"),
        ("iso8859_1", b"caf%e9"),
        ("UTF-8", b"caf%C3%A9"),
        ("UTF-16BE", b"%00c%00a%00f%00%E9"),
        ("UTF-16", b"%FE%FF%00c%00a%00f%00%E9"),
        ("UTF-16", b"%FF%FEc%00a%00f%00%E9%00"),
        ("UTF-16LE", b"c%00a%00f%00%E9%00"),
        ("windows-1252", b"caf%E9"),
        ("GSM", b"caf%05"),
        ("", b"caf%C3%A9"),
        ("", b"caf%E9"),
        ("x-unheard-of", b"caf%C3%A9"),
        ("x-unheard-of", b"caf%E9"),
        ("UTF-8", b"caf%E9"),
        ("US-ASCII", b"caf%E9"),
        ("punycode", b"caf%E9"),
        ("a\x00b", b"caf%E9"),
    ],
)
def test_the_raw_bytes_of_a_text_are_decoded_by_its_charset(charset: str, text: bytes) -> None:
    fields = {**MESSAGE, "charset": charset}
    del fields["text"]
    # The charset may stand after the text it tells of.
    assert message_of(b"text=" + text + b"&" + urlencoded(fields)).text == "café"


@pytest.mark.parametrize("text", ["%00", "%D8", "%D8%3D%00", "%DC%00%00a", "%81"])
@pytest.mark.parametrize("charset", ["UTF-16BE", "UTF-16LE", "UTF-8", "GSM", ""])
def test_bytes_of_no_charset_still_give_a_text(text: str, charset: str) -> None:
    """Bytes that no charset explains still give a text that can be written."""
    fields = {name: value for name, value in MESSAGE.items() if name not in ("text", "charset")}
    message = message_of(urlencoded({**fields, "charset": charset}) + f"&text={text}".encode())
    assert message.text.encode() != b""


def test_euro_and_quotes_differ_between_latin_1_and_windows_1252() -> None:
    fields = {key: value for key, value in MESSAGE.items() if key not in ("text", "charset")}
    raw = urlencoded(fields) + b"&text=%80"
    assert message_of(raw + b"&charset=windows-1252").text == "€"
    assert message_of(raw + b"&charset=ISO-8859-1").text == "\x80"


def test_the_text_of_a_mapping_is_taken_as_it_is() -> None:
    assert message_of({**MESSAGE, "text": "é", "charset": "UTF-16BE"}).text == "é"


@pytest.mark.parametrize(
    ("declared", "charset", "text", "expected"),
    [
        (' encoding="ISO-8859-1"', "UTF-16BE", b"caf\xe9", "café"),
        (' encoding="windows-1252"', "", b"\x80", "€"),
        (' encoding="UTF-8"', "ISO-8859-1", "é".encode(), "é"),
        (' encoding="UTF-8"', "ISO-8859-2", b"\xb9", "š"),
        ("", "ISO-8859-2", b"\xb9", "š"),
        ("", "", b"caf\xe9", "café"),
        ("", "ISO-8859-2", b"\xb9&#8364;", "¹€"),
    ],
)
def test_a_document_is_read_as_it_declares(declared: str, charset: str, text: bytes, expected: str) -> None:
    """A document is read as it declares, and stray bytes by the charset."""
    body = samples.elements({**MESSAGE, "charset": charset, "text": "HERE"})
    document = f'<?xml version="1.0"{declared}?><clickmo>{body}</clickmo>'.encode().replace(b"HERE", text)
    assert message_of(b"data=" + quote(document).encode()).text == expected
    assert message_of(document).text == expected


def test_a_document_in_utf_16_is_read() -> None:
    raw = b"data=" + quote(samples.xml(REPORT).encode("utf-16")).encode()
    assert parse(raw) == samples.EXPECTED_REPORT


@pytest.mark.parametrize("name", ["punycode", "x-unheard-of", "shift_jis"])
def test_a_document_in_an_unknown_encoding_is_refused(name: str) -> None:
    document = samples.xml(REPORT).replace('"1.0"', f'"1.0" encoding="{name}"')
    with pytest.raises(CallbackError, match="encoding"):
        parse(document.encode())


def test_a_document_in_a_mapping_is_text_already() -> None:
    """A mapping's document is text whatever encoding it declares."""
    document = samples.xml(MESSAGE).replace('"1.0"', '"1.0" encoding="utf-16"')
    assert message_of({"data": document}) == samples.EXPECTED_MESSAGE


# Parts


@pytest.mark.parametrize(
    ("udh", "part"),
    [
        ("050003CC0301", Part(0xCC, 3, 1)),
        ("050003cc0303", Part(0xCC, 3, 3)),
        ("060804ABCD0502", Part(0xABCD, 5, 2)),
        ("0B0504158200000003CC0201", Part(0xCC, 2, 1)),  # ports before it
        ("0A700100" + "060804ABCD0502"[2:], Part(0xABCD, 5, 2)),  # an unknown element before it
        ("0A0003010201" + "0003020202", Part(2, 2, 2)),  # twice: the last counts
        ("", None),
        ("05", None),
        ("0500", None),
        ("050003CC03", None),  # cut
        ("040003CC0301", None),  # its length ends before the element does
        ("050003CC0300", None),  # numbers begin with 1
        ("050003CC0304", None),  # beyond the total
        ("050003CC0000", None),
        ("060504158200 00".replace(" ", ""), None),
        ("060004ABCD0502", None),  # an 8-bit element of the wrong length
    ],
)
def test_the_udh_tells_the_part(udh: str, part: Part | None) -> None:
    message = message_of({**MESSAGE, "udh": udh})
    assert message.udh == bytes.fromhex(udh)
    assert message.part == part


@pytest.mark.parametrize("udh", ["0", "1", "xyz", "05 00", "0x05", "00" * 141])
def test_a_udh_that_cannot_be_read_costs_no_message(udh: str) -> None:
    """``udh=1`` is seen in the field: the message is worth more than its header."""
    message = message_of({**MESSAGE, "udh": udh})
    assert (message.udh, message.part) == (b"", None)
    assert message.text == samples.EXPECTED_MESSAGE.text


# What other senders make of it


@pytest.mark.parametrize("params", [{"apiMsgId": "1", "status": "004"}, b"apimsgid=1&STATUS=4"])
def test_a_report_of_an_id_and_a_status_alone_is_read(params: dict[str, str] | bytes) -> None:
    """Some gateways in the middle pass on no more."""
    report = parse(params)
    assert isinstance(report, DeliveryReport)
    assert (report.id, report.status, report.to, report.timestamp, report.charge) == ("1", "004", "", None, None)


@pytest.mark.parametrize("charge", ["0.300 000", " 0.300000 ", "0.300\u00a0000"])
def test_a_charge_in_groups_of_digits_is_read(charge: str) -> None:
    report = parse({**REPORT, "charge": charge})
    assert isinstance(report, DeliveryReport)
    assert report.charge == Decimal("0.3")


@pytest.mark.parametrize("blanks", [" ", "\n\t", "\r\n  "])
def test_blanks_behind_tags_are_none_of_the_value(blanks: str) -> None:
    document = samples.xml(REPORT).replace(">", f">{blanks}")
    assert parse(b"data=" + quote(document).encode()) == samples.EXPECTED_REPORT


# JSON


def test_a_json_object_with_the_names_of_plain_http_is_read() -> None:
    """The vendor lists the transport and does not document its layout."""
    assert parse(json.dumps(REPORT).encode()) == samples.EXPECTED_REPORT
    assert parse(json.dumps(MESSAGE, ensure_ascii=False).encode("utf-8-sig")) == samples.EXPECTED_MESSAGE


def test_numbers_in_json_count_as_they_are_written() -> None:
    raw = b'{"APIMSGID": "1", "to": 279995631564, "status": 3, "timestamp": 1218007814, "charge": 0.300000, "x": [{}]}'
    report = parse(raw)
    assert isinstance(report, DeliveryReport)
    assert (report.to, report.status, str(report.charge)) == ("279995631564", "003", "0.300000")
    assert report.timestamp == samples.EXPECTED_REPORT.timestamp


def test_stray_bytes_in_json_are_read_by_the_charset() -> None:
    raw = json.dumps({**MESSAGE, "charset": "ISO-8859-2", "text": "HERE"}).encode().replace(b"HERE", b"\xb9")
    assert message_of(raw).text == "š"


@pytest.mark.parametrize(
    "raw", [b"{", b'{"apiMsgId": 1}x', b'{"apiMsgId": {"a": 1}}', b"{}", b'{"a":' + b"[" * 60_000, b"{1: 2}"]
)
def test_json_that_is_no_callback_is_refused_without_quoting_it(raw: bytes) -> None:
    with pytest.raises(CallbackError) as caught:
        parse(raw)
    assert caught.value.__cause__ is None
    assert len(str(caught.value)) < 100


# Opt-outs


@pytest.mark.parametrize("word", ["STOP", "END", "CANCEL", "UNSUBSCRIBE", "QUIT"])
def test_an_opt_out_word_counts_in_any_case_and_blanks_aside(word: str) -> None:
    for text in (word, word.lower(), word.title(), f"  {word}\r\n"):
        assert message_of({**MESSAGE, "text": text}).opt_out == OptOut(word, everywhere=False, keyword=None)


@pytest.mark.parametrize("text", ["STOP ALL", "stop stop", " Stop  All "])
def test_stop_all_and_stop_stop_mean_all_numbers(text: str) -> None:
    assert message_of({**MESSAGE, "text": text}).opt_out == OptOut("STOP", everywhere=True, keyword=None)


@pytest.mark.parametrize(
    "text", ["", "please stop", "STOP fun", "fun STOP", "END ALL", "STOP STOP STOP", "STOPP", "STOP."]
)
def test_no_other_text_opts_out(text: str) -> None:
    assert message_of({**MESSAGE, "text": text}).opt_out is None


@pytest.mark.parametrize(
    ("text", "word", "keyword"),
    [
        ("STOP fun", "STOP", "fun"),
        ("FUN stop", "STOP", "fun"),
        ("quit FUN", "QUIT", "fun"),
        ("stop Big  News", "STOP", "big news"),
        ("big news end", "END", "big news"),
    ],
)
def test_keywords_of_a_short_code_stand_before_or_after_the_word(text: str, word: str, keyword: str) -> None:
    opt_out = message_of({**MESSAGE, "text": text}, "fun", "big news").opt_out
    assert opt_out == OptOut(word, everywhere=False, keyword=keyword)


@pytest.mark.parametrize("text", ["STOP fun now", "STOP other", "fun", "fun STOP fun"])
def test_keywords_do_not_make_other_texts_opt_outs(text: str) -> None:
    assert message_of({**MESSAGE, "text": text}, "fun", "").opt_out is None


def test_one_keyword_given_as_a_string_is_one_keyword() -> None:
    message = parse({**MESSAGE, "text": "STOP fun"}, keywords="fun")
    assert isinstance(message, InboundMessage)
    assert message.opt_out == OptOut("STOP", everywhere=False, keyword="fun")


def test_a_part_of_a_long_message_does_not_opt_out() -> None:
    assert message_of({**MESSAGE, "text": "STOP", "udh": "050003CC0202"}).opt_out is None
    assert message_of({**MESSAGE, "text": "STOP", "udh": "050003CC0101"}).opt_out is not None


# What must not come in


@pytest.mark.parametrize(
    "wrap", [lambda xml: {"data": xml}, lambda xml: xml.encode(), lambda xml: urlencoded({"data": xml})]
)
def test_documents_with_a_doctype_are_refused_outright(wrap) -> None:  # type: ignore[no-untyped-def]
    external = '<!DOCTYPE x SYSTEM "file:///etc/passwd">' + samples.xml(REPORT).partition("?>")[2]
    for document in (BOMB, external, samples.xml(REPORT).replace("?>", "?><!DOCTYPE callback>")):
        with pytest.raises(CallbackError, match="DOCTYPE"):
            parse(wrap(document))


@pytest.mark.parametrize("levels", [17, 5_000, 100_000])
def test_deep_nesting_is_refused_in_bounded_time_and_memory(levels: int) -> None:
    document = "<a>" * levels + "</a>" * levels
    parse_started = time.perf_counter()
    tracemalloc.start()
    try:
        with pytest.raises(CallbackError, match=r"deeper|KiB"):
            parse({"data": document})
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()
    assert time.perf_counter() - parse_started < 5


def test_a_document_of_sixteen_levels_is_read() -> None:
    inner = samples.xml(REPORT).partition("?>")[2]
    assert parse({"data": "<a>" * 14 + inner + "</a>" * 14}) == samples.EXPECTED_REPORT


@pytest.mark.parametrize("params", [b"a" * 65_537, {"data": "<a>" + " " * 65_536 + "</a>"}])
def test_what_is_larger_than_64_kib_is_refused(params: dict[str, str] | bytes) -> None:
    with pytest.raises(CallbackError, match="64 KiB"):
        parse(params)


@pytest.mark.parametrize(
    "document",
    ["", "hello", "<callback>", "<a/><b/>", "<a>\x00</a>", "<a b='1' b='2'/>", "<a>&lol;</a>", "<a>\ud800</a>"],
)
def test_documents_that_are_not_well_formed_are_refused(document: str) -> None:
    with pytest.raises(CallbackError):
        parse({"data": document})


@pytest.mark.parametrize(
    "params", [{}, b"", b"&&&=&", b"%", {"data": "<callback/>"}, {"status": "003"}, {"data": "<a><b/></a>"}]
)
def test_what_has_neither_id_is_no_callback(params: dict[str, str] | bytes) -> None:
    with pytest.raises(CallbackError, match="neither apiMsgId nor moMsgId"):
        parse(params)


@pytest.mark.parametrize("name", ["apiMsgId", "status", "charge", "timestamp", "data"])
def test_an_error_and_its_causes_never_repeat_what_was_sent(name: str) -> None:
    secret = "s3cret"
    value = f"<a>{secret}\ud800</b>" if name == "data" else secret * 60
    with pytest.raises(CallbackError) as caught:
        parse({name: value} if name == "data" else {**REPORT, name: value})
    error: BaseException | None = caught.value
    while error is not None:
        assert secret not in repr(error)
        error = error.__context__


NAMES = st.sampled_from([*REPORT, *MESSAGE, "data", "Data", "x"]) | st.text(max_size=5)
VALUES = (
    st.sampled_from([*REPORT.values(), *MESSAGE.values(), samples.xml(REPORT), samples.soap(MESSAGE), "050003CC0301"])
    | st.text()
    | st.text().map(lambda text: f"<callback><apiMsgId>1</apiMsgId>{text}</callback>")
)


def reads_or_refuses(params: dict[str, str] | bytes) -> None:
    try:
        event = parse(params, keywords=("fun", ""))
    except CallbackError:
        return
    assert event.timestamp is None or event.timestamp.tzinfo is UTC
    if isinstance(event, InboundMessage):
        assert event.part is None or 1 <= event.part.number <= event.part.total
        assert event.opt_out is None or event.opt_out.word in event.text.upper()
    else:
        assert event.charge is None or event.charge.is_finite()


@given(st.dictionaries(NAMES, VALUES | st.none() | st.integers() | st.lists(st.text())))
def test_any_json_is_read_or_refused(members: dict[str, object]) -> None:
    reads_or_refuses(json.dumps(members).encode())


@given(st.dictionaries(NAMES, VALUES))
def test_any_mapping_gives_an_event_or_a_callback_error(params: dict[str, str]) -> None:
    reads_or_refuses(params)


@given(st.sampled_from([REPORT, MESSAGE]), st.dictionaries(NAMES, VALUES, max_size=3))
def test_any_change_gives_an_event_or_a_callback_error(sample: dict[str, str], changes: dict[str, str]) -> None:
    """Any change to a callback gives an event or a callback error."""
    reads_or_refuses({**sample, **changes})


@given(st.dictionaries(st.text() | st.integers(), st.text() | st.none() | st.binary() | st.lists(st.text())))
def test_other_things_give_an_event_or_a_callback_error(params: dict[str, str]) -> None:
    """Even a mapping of other things gives an event or a callback error."""
    reads_or_refuses({**REPORT, **params})
    reads_or_refuses(params)


@given(
    st.binary(),
    st.sampled_from([b"", samples.report(), samples.message(), b"data=" + quote(samples.xml(MESSAGE)).encode()]),
    st.integers(0, 300),
)
def test_any_bytes_give_an_event_or_a_callback_error(junk: bytes, sample: bytes, at: int) -> None:
    reads_or_refuses(sample[:at] + junk + sample[at:])


@given(
    st.binary(max_size=140), st.sampled_from(["UTF-16BE", "UTF-8", "ISO-8859-1", "GSM", "cp1252", "hex", ""]), st.text()
)
def test_any_text_in_any_charset_gives_a_text(data: bytes, charset: str, other: str) -> None:
    fields = {key: value for key, value in MESSAGE.items() if key not in ("text", "charset")}
    for name in (charset, other):
        raw = urlencoded({**fields, "charset": name}, "utf-8") if name.isascii() else urlencoded(fields)
        message = message_of(raw + b"&text=" + quote(data).encode())
        assert message.text.encode() is not None
