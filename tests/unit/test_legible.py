"""Text for people: nothing that acts on a terminal or hides, and nothing lost of what scripts and emoji need."""

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.domain.legible import json_text, lines, one_line, without_slack_markup

HOSTILE = [
    *(chr(code) for code in (*range(0x20), *range(0x7F, 0xA0))),
    *"\u200b\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff\xad\u3164\u2028\u2029",
    "\U000e0041",
    "\udce9",
]
ANY = st.text(st.characters() | st.sampled_from(HOSTILE) | st.sampled_from("\u200c\u200d\ufe0f אب🙂é1a"))


@pytest.mark.parametrize("sign", HOSTILE, ids=lambda sign: f"U+{ord(sign):04X}")
def test_none_of_these_comes_out(sign: str) -> None:
    assert sign not in one_line(f"Amazon{sign}EC2")
    assert sign not in one_line(f"שירות{sign}ענן")
    assert (sign in lines(f"Amazon{sign}EC2")) == (sign == "\n")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b]0;title\x07EC2", "\ufffd]0;title\ufffdEC2"),
        ("\x1b[2J\x9b31mred", "\ufffd[2J\ufffd31mred"),
        ("one\r\ntwo\tthree\rfour", "one two three four"),
        ("abc\b\b\bxyz", "abc\ufffd\ufffd\ufffdxyz"),
        ("pay\u200dpal pay\u200cpal", "pay\ufffdpal pay\ufffdpal"),
        ("é\u200dé \u200d א", "é\ufffdé \ufffd א"),
        ("a\ufe0f", "a\ufffd"),
    ],
)
def test_what_was_hidden_is_seen(text: str, shown: str) -> None:
    assert one_line(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "Süd-Région ñandú e\u0301",
        "東京 서울 ไทย हिन्दी",
        "שירותי ענן, خدمات",
        "می\u200cخواهم",  # noqa: RUF001 - Persian needs the non-joiner
        "क्\u200dष",  # and Devanagari the joiner
        "👩\u200d💻 👩🏽\u200d🚀 👩\u200d❤\ufe0f\u200d👩 1\ufe0f\u20e3 ☁\ufe0f",
        "10 µs · 5 % “quoted” …",
    ],
)
def test_ordinary_scripts_and_emoji_stay_as_they_are(text: str) -> None:
    assert one_line(text) == lines(text) == text


@given(ANY)
def test_what_comes_out_is_fit_and_stays_so(text: str) -> None:
    shown = one_line(text)
    assert one_line(shown) == shown
    for sign in shown:
        assert unicodedata.category(sign) not in {"Cc", "Cs", "Zl", "Zp"}
        assert unicodedata.bidirectional(sign) not in {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
    shown.encode()
    assert [one_line(line) for line in lines(text).split("\n")] == lines(text).split("\n")


@given(st.dictionaries(ANY, ANY | st.lists(ANY), max_size=5), st.sampled_from((None, 2)))
def test_json_says_the_same_and_holds_none_of_it(value: object, indent: int | None) -> None:
    document = json_text(json.dumps(value, indent=indent, ensure_ascii=False))
    assert json.loads(document) == value
    assert lines(document) == document


def test_slack_follows_no_name() -> None:
    assert without_slack_markup("<!channel> & <http://x|y>") == "&lt;!channel&gt; &amp; &lt;http://x|y&gt;"
