"""The reason of an error is said in words, without numbers of the system and in each language."""

import errno
import gzip
import http.client
import io
import json
import os
import re
import socket
import tomllib
import urllib.error
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from app.desktop import language
from app.desktop.language import tr
from core.errors import BadData
from core.rewards.process import ProcessFailed
from core.text.reasons import reason
from core.text.sentence import Sentence, from_plain, say, to_plain


def full_disk() -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/runs/a.txt")


def raises(error: BaseException) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail


NO_STATUS = http.client.HTTPMessage()


@pytest.mark.parametrize(
    ("fail", "words"),
    [
        (full_disk, "no space is left on the disk"),
        (lambda: os.stat("/no/such/file"), "there is no such file or folder"),
        (raises(PermissionError(errno.EACCES, "Permission denied")), "there is no permission"),
        (raises(OSError(errno.EROFS, "Read-only file system")), "the disk is read-only"),
        (raises(OSError(errno.EMFILE, "Too many open files")), "too many files are open"),
        (raises(TimeoutError("timed out")), "there was no answer in time"),
        (raises(ConnectionResetError("closed")), "the connection broke"),
        (raises(urllib.error.URLError(ConnectionRefusedError(errno.ECONNREFUSED, "x"))), "the connection was refused"),
        (
            raises(urllib.error.HTTPError("http://a", 404, "No", NO_STATUS, io.BytesIO())),
            "the answer was the status 404",
        ),
        (raises(socket.gaierror(socket.EAI_NONAME, "Unknown")), "its name is not known in the network"),
        (raises(http.client.BadStatusLine("x")), "what answers there does not speak HTTP"),
        (lambda: json.loads('{"a": 1,\n "b" 2}'), "line 2, column 6: expecting ':' delimiter"),
        (lambda: tomllib.loads("a = 1\nb 2"), "line 2, column 3: expecting '=' after a key"),
        (lambda: tomllib.loads("a = 1\na = 2"), "at its end: a key or a table is there twice"),
        (lambda: json.loads("9" * 5000), "it holds a number that is too long"),
        (lambda: b"ab\ncd\xff".decode(), "line 2, column 3: it is no text in UTF-8"),
        (lambda: re.compile("a)"), "character 2: a ) has no ("),
        (lambda: gzip.decompress(b"no"), "it is no gzip file, or a damaged one"),
        (lambda: zlib.decompress(b"no"), "what it has packed is damaged"),
        (lambda: gzip.decompress(gzip.compress(b"yes")[:-4]), "it ends in the middle"),
        (lambda: {}["a"], "'a' is missing"),  # type: ignore[var-annotated]
        (raises(RecursionError("deep")), "it is nested too deeply"),
    ],
)
def test_what_is_known_is_a_sentence(fail: Callable[[], object], words: str) -> None:
    with pytest.raises(Exception) as raised:
        fail()
    said = reason(raised.value)
    assert said == words and isinstance(said, Sentence)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (RuntimeError("  [metal] broken.\nand a trace"), "[metal] broken"),
        (OSError(1234, "A fault of its own"), "A fault of its own"),
        (ZeroDivisionError(), "ZeroDivisionError"),
        (ValueError("x" * 500), "x" * 200),
    ],
)
def test_what_is_not_known_keeps_its_words(error: Exception, text: str) -> None:
    assert reason(error) == text and not isinstance(reason(error), Sentence)


def test_an_error_of_ours_is_its_own_sentence() -> None:
    for kind in (BadData, ProcessFailed):
        said = reason(kind(say("took longer than {seconds:g} seconds", seconds=3)))
        assert said == "took longer than 3 seconds" and isinstance(said, Sentence)


def test_errors_among_the_values_of_a_sentence_and_of_a_text() -> None:
    with pytest.raises(OSError) as raised:
        full_disk()
    sentence = say("{path} cannot be read: {reason}.", path=Path("a"), reason=raised.value)
    assert sentence == "a cannot be read: no space is left on the disk."
    assert from_plain(to_plain(sentence)) == sentence
    language.use("de")
    try:
        assert tr(sentence) == "a lässt sich nicht lesen: kein Platz mehr auf der Festplatte."
        assert tr("{name}: {text}", text=raised.value, name="a") == "a: kein Platz mehr auf der Festplatte"
    finally:
        language.use("en")
