"""Documents become verbs; what is wrong with them becomes warnings, or a refusal."""

from ipaddress import ip_network

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from trunkline.capture.calls.callback_config import CallbackConfig
from trunkline.capture.calls.progress import Progress
from trunkline.capture.calls.twiml import Document, NotTwiml, parse
from trunkline.capture.calls.verbs import (
    Dial,
    Hangup,
    Kind,
    Noun,
    Pause,
    Perform,
    Redirect,
    Reject,
)


BASE = "https://app.example.com/voice/start?x=1"
BOMB = """<!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">
<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]><Response><Say>&c;</Say></Response>"""
XXE = """<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]>
<Response><Redirect>&f;</Redirect></Response>"""


def read(text: str | bytes, base: str | None = BASE) -> Document:
    return parse(text, base=base, networks=())


def test_every_verb_is_read_in_order() -> None:
    document = read(
        """<?xml version="1.0" encoding="UTF-8"?>
        <Response><!-- a comment -->
          <Say voice="alice">Hi</Say><Play>x.mp3</Play><Pause length="3"/><Pause/>
          <Gather action="/g"><Say>Press</Say></Gather>
          <Redirect method="GET">next</Redirect><Reject reason="busy"/><Hangup/>
        </Response>"""
    )

    assert document == Document(
        (
            Perform(verb="Say"),
            Perform(verb="Play"),
            Pause(length=3),
            Pause(length=1),
            Perform(verb="Gather"),
            Redirect(url="https://app.example.com/voice/next", method="GET"),
            Reject(busy=True),
            Hangup(),
        )
    )


def test_a_dial_has_its_nouns_and_attributes() -> None:
    document = read(
        """<Response><Dial action="/after" method="GET" timeout="20" timeLimit="60"
           callerId="+1202" sequential="true">
          <Number statusCallback="cb#rc=2" statusCallbackEvent="answered  ringing"
                  statusCallbackMethod="GET">+14155550177</Number>
          <Sip username="u" password="p">sip:ann@a.example</Sip>
          <Client statusCallback="/cb"><Identity>bob</Identity></Client>
        </Dial></Response>"""
    )

    assert document.warnings == ()
    assert document.verbs == (
        Dial(
            nouns=(
                Noun(
                    kind=Kind.NUMBER,
                    to="+14155550177",
                    callback=CallbackConfig(
                        url="https://app.example.com/voice/cb#rc=2",
                        method="GET",
                        events=(Progress.RINGING, Progress.ANSWERED),
                    ),
                ),
                Noun(kind=Kind.SIP, to="sip:ann@a.example"),
                Noun(
                    kind=Kind.CLIENT,
                    to="client:bob",
                    callback=CallbackConfig(url="https://app.example.com/cb"),
                ),
            ),
            action="https://app.example.com/after",
            method="GET",
            timeout=20,
            time_limit=60,
            caller_id="+1202",
            sequential=True,
        ),
    )


def test_a_number_may_be_the_text_of_the_dial() -> None:
    (dial,) = read("<Response><Dial> +14155550177 </Dial></Response>").verbs

    assert dial == Dial(nouns=(Noun(kind=Kind.NUMBER, to="+14155550177"),))


def test_ten_legs_are_dialled_and_no_more() -> None:
    nouns = "".join(f"<Number>+1415555{n:04}</Number>" for n in range(12))
    document = read(f"<Response><Dial>{nouns}</Dial></Response>")

    (dial,) = document.verbs
    assert isinstance(dial, Dial)
    assert len(dial.nouns) == 10
    assert [warning.code for warning in document.warnings] == [12200]


@pytest.mark.parametrize(
    ("noun", "code"),
    [
        ('<Number statusCallback="https://a_b.example/">1</Number>', 21609),
        ('<Number statusCallback="http://10.0.0.1/">1</Number>', 21609),
        ('<Number statusCallback="ftp://a.example/">1</Number>', 21609),
        ('<Number statusCallback="/x" statusCallbackEvent="end">1</Number>', 21626),
        ('<Number statusCallback="/x" statusCallbackMethod="PUT">1</Number>', 12200),
        ("<Conference>room</Conference>", 12200),
        ("<Number/>", 12200),
    ],
)
def test_a_fault_in_a_noun_is_a_warning(noun: str, code: int) -> None:
    document = read(f"<Response><Dial>{noun}</Dial><Hangup/></Response>")

    assert [warning.code for warning in document.warnings] == [code]
    assert {warning.level for warning in document.warnings} == {"warning"}
    assert document.verbs[-1] == Hangup()


@pytest.mark.parametrize("value", ["0", "601", "x", "-1", "1.5", "9" * 5000, "٣"])
def test_a_bad_number_is_the_default_and_a_warning(value: str) -> None:
    document = read(f'<Response><Dial timeout="{value}">1</Dial></Response>')

    assert document.verbs == (Dial(nouns=(Noun(kind=Kind.NUMBER, to="1"),)),)
    assert [warning.code for warning in document.warnings] == [12200]


def test_inline_twiml_has_nothing_to_resolve_against() -> None:
    text = (
        '<Response><Dial action="after"><Number statusCallback="cb">1</Number></Dial>'
        "<Redirect>next</Redirect></Response>"
    )
    document = read(text, base=None)

    assert document.verbs == (Dial(nouns=(Noun(kind=Kind.NUMBER, to="1"),)),)
    assert [warning.code for warning in document.warnings] == [21609, 12200, 12200]


def test_an_allowed_network_may_be_called_back() -> None:
    text = '<Response><Dial><Number statusCallback="http://10.0.0.1/">1</Number></Dial></Response>'

    assert parse(text, base=None, networks=[ip_network("10.0.0.0/8")]).warnings == ()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (BOMB, 12100),
        (XXE, 12100),
        ("<!DOCTYPE Response><Response/>", 12100),
        ("<Response>", 12100),
        ("hello", 12100),
        (b'<?xml version="1.0" encoding="klingon"?><Response/>', 12100),
        (b"\xff\xfe\x00", 12100),
        ("<response/>", 12102),
        ("<Response xmlns='x'/>", 12102),
        ("<Response>" + "<Say/>" * 1000 + "</Response>", 12100),
        ("<Response>" + "<a>" * 20 + "</a>" * 20 + "</Response>", 12100),
        ("<a>" * 9000 + "</a>" * 9000, 12102),
        ("<Response>" + " " * 65_536 + "</Response>", 11750),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_is_no_twiml_is_refused(text: str | bytes, code: int) -> None:
    with pytest.raises(NotTwiml) as refused:
        read(text)

    assert refused.value.code in {code, 12100}
    assert len(str(refused.value)) < 200


@given(st.one_of(st.text(), st.binary()))
@example("")
@example(" \n")
def test_nothing_else_ever_comes_of_a_text(text: str | bytes) -> None:
    try:
        document = read(text)
    except NotTwiml:
        return
    assert isinstance(document, Document)


@given(st.text(alphabet=st.characters(exclude_characters="<>&\x00"), max_size=50))
def test_no_attribute_stops_a_call(value: str) -> None:
    quoted = value.replace('"', "&quot;")
    names = ["action", "method", "timeout", "timeLimit", "callerId", "sequential"]
    attributes = " ".join(f'{name}="{quoted}"' for name in names)
    try:
        document = read(f"<Response><Dial {attributes}>1</Dial></Response>")
    except NotTwiml:
        return  # a character that XML does not have
    assert len(document.verbs) == 1
