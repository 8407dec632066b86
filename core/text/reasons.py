"""The reason that an exception gives, as a part of a sentence that can be said in another language.

What Python and the system say of an error is made for programmers, not in the window's language: "[Errno 28] No space
left on device: 'a.txt'". say() and tr() take an exception as a value and put its reason in its place: "no space is left
on the disk". What is not known here stays in its own words.
"""

import errno
import json
import re
import tomllib

from core.text.sentence import Sentence, say

LONGEST = 200  # characters of a text that another program made

# What the system says, by its number.
_OF_SYSTEM = {
    errno.ENOENT: say("there is no such file or folder"),
    errno.EACCES: say("there is no permission"),
    errno.EPERM: say("there is no permission"),
    errno.ENOSPC: say("no space is left on the disk"),
    errno.EDQUOT: say("the space that this account may use on the disk is full"),
    errno.EROFS: say("the disk is read-only"),
    errno.EFBIG: say("the file is too large for the disk"),
    errno.EIO: say("the disk or the device reports an error"),
    errno.ENODEV: say("the disk or the device is gone"),
    errno.ENXIO: say("the disk or the device is gone"),
    errno.ESTALE: say("the network disk does not know the file any more"),
    errno.EXDEV: say("it lies on another disk"),
    errno.EISDIR: say("it is a folder, not a file"),
    errno.ENOTDIR: say("a part of its path is a file, not a folder"),
    errno.EEXIST: say("it is there already"),
    errno.ENOTEMPTY: say("the folder is not empty"),
    errno.ENAMETOOLONG: say("its name is too long"),
    errno.ELOOP: say("its links lead in a circle"),
    errno.EBUSY: say("another program is using it"),
    errno.ETXTBSY: say("another program is using it"),
    errno.ENOEXEC: say("it is no program for this computer"),
    errno.EMFILE: say("too many files are open"),
    errno.ENFILE: say("too many files are open"),
    errno.ENOMEM: say("the memory is full"),
    errno.EPIPE: say("nobody reads at the other end any more"),
    errno.ECONNREFUSED: say("the connection was refused"),
    errno.ECONNRESET: say("the connection broke"),
    errno.ECONNABORTED: say("the connection broke"),
    errno.ETIMEDOUT: say("there was no answer in time"),
    errno.ENETDOWN: say("there is no network"),
    errno.ENETUNREACH: say("there is no network"),
    errno.EHOSTDOWN: say("it is not reached over the network"),
    errno.EHOSTUNREACH: say("it is not reached over the network"),
    errno.EADDRINUSE: say("another program has this port"),
    errno.EADDRNOTAVAIL: say("this address is none of this computer's"),
}

# What Python's parsers say, in words of this program.
_OF_JSON = {
    "Expecting value": say("expecting value"),
    "Expecting ',' delimiter": say("expecting ',' delimiter"),
    "Expecting ':' delimiter": say("expecting ':' delimiter"),
    "Expecting property name enclosed in double quotes": say("expecting property name enclosed in double quotes"),
    "Illegal trailing comma before end of object": say("illegal trailing comma before end of object"),
    "Illegal trailing comma before end of array": say("illegal trailing comma before end of array"),
    "Unterminated string starting at": say("unterminated string"),
    "Invalid control character at": say("invalid control character"),
    "Invalid \\escape": say("invalid \\escape"),
    "Invalid \\uXXXX escape": say("invalid \\uXXXX escape"),
    "Extra data": say("extra data"),
    "Unexpected UTF-8 BOM (decode using utf-8-sig)": say("it begins with a byte order mark"),
}
_OF_TOML = {  # by how it begins
    "Invalid value": say("there is no value, or one that TOML does not know"),
    "Invalid statement": say("expecting a key or a [table]"),
    "Invalid initial character for a key part": say("expecting a key"),
    "Expected '=' after a key in a key/value pair": say("expecting '=' after a key"),
    "Expected newline or end of document after a statement": say("expecting the end of the line after a value"),
    "Expected ']' at the end of a table declaration": say("expecting ']' after the name of a table"),
    "Expected ']]' at the end of an array declaration": say("expecting ']]' after the name of a list"),
    "Cannot ": say("a key or a table is there twice"),
    "Duplicate inline table key": say("a key or a table is there twice"),
    "Illegal character": say("a character stands here that may not"),
    "Found invalid character": say("a character stands here that may not"),
    "Unclosed array": say("a list is not closed"),
    "Unclosed inline table": say("an inline table is not closed"),
    "Unterminated string": say("unterminated string"),
    "Unescaped '\\' in a string": say("a \\ in a string has to be written twice"),
    "Invalid hex value": say("invalid \\uXXXX escape"),
    "Invalid date or datetime": say("there is no such day or time"),
}
_OF_PATTERN = {
    "nothing to repeat": say("there is nothing to repeat"),
    "multiple repeat": say("one repetition follows upon another"),
    "unbalanced parenthesis": say("a ) has no ("),
    "missing ), unterminated subpattern": say("a ( is not closed"),
    "unterminated character set": say("a [ is not closed"),
    "bad escape (end of pattern)": say("nothing follows upon the last \\"),
    "min repeat greater than max repeat": say("a repetition has a lower limit above its upper one"),
}
_AT = re.compile(r"(?P<what>.*) \(at (line (?P<line>\d+), column (?P<column>\d+)|end of document)\)", re.DOTALL)


def reason(error: BaseException) -> str:
    """Why something failed, without a full stop, to follow upon a colon; the whole sentence of an error of ours.

    A sentence where the error is one of ours, of the operating system or of one of Python's parsers; of any other the
    first line of its own text, or the name of its class where it has none.
    """
    own = _own_text(error)
    if isinstance(own, Sentence):
        return own
    known = _known(error)
    if known is not None:
        return known
    if isinstance(error, OSError) and error.strerror:  # without number and file
        own = str(error.strerror)
    lines = [line.strip() for line in own.splitlines() if line.strip()]
    return lines[0][:LONGEST].rstrip(".") if lines else type(error).__name__


def json_reason(error: json.JSONDecodeError) -> str:
    """What Python's reader of JSON says, without the place."""
    return _OF_JSON.get(error.msg) or error.msg[:1].lower() + error.msg[1:].removesuffix(" starting at")


def _own_text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # a class whose text fails by itself
        return ""


def _known(error: BaseException) -> str | None:
    if isinstance(error, json.JSONDecodeError):
        return _at(error.lineno, error.colno, json_reason(error))
    if isinstance(error, tomllib.TOMLDecodeError):
        return _of_toml(str(error))
    if isinstance(error, UnicodeDecodeError):
        before = bytes(error.object[: error.start])
        line, column = before.count(b"\n") + 1, error.start - before.rfind(b"\n")
        return _at(line, column, say("it is no text in {encoding}", encoding=error.encoding.upper()))
    if isinstance(error, re.error):
        what = _OF_PATTERN.get(error.msg, error.msg)
        return what if error.pos is None else say("character {position}: {what}", position=error.pos + 1, what=what)
    if isinstance(error, ValueError) and str(error).startswith("Exceeds the limit"):  # of digits, that int() reads
        return say("it holds a number that is too long")
    if isinstance(error, KeyError) and error.args:
        return say("{key!r} is missing", key=str(error.args[0]))
    if isinstance(error, RecursionError):
        return say("it is nested too deeply")
    if isinstance(error, MemoryError):
        return say("the memory is full")
    if isinstance(error, OSError | EOFError):
        return _of_system(error)
    return None if type(error).__module__ == "builtins" else _of_library(error)


def _at(line: int, column: int, what: str) -> Sentence:
    return say("line {line}, column {column}: {what}", line=line, column=column, what=what)


def _of_toml(text: str) -> str:
    match = _AT.fullmatch(text)
    if match is None:
        return text
    what = next((said for start, said in _OF_TOML.items() if match["what"].startswith(start)), match["what"])
    if match["line"] is None:
        return say("at its end: {what}", what=what)
    return _at(int(match["line"]), int(match["column"]), what)


def _of_system(error: OSError | EOFError) -> str | None:
    if isinstance(error, EOFError):  # of a packed file
        return say("it ends in the middle")
    if type(error).__module__ == "builtins":  # the errors of sockets' names and of TLS have numbers of their own
        if error.errno in _OF_SYSTEM:
            return _OF_SYSTEM[error.errno]
        if error.errno is None and isinstance(error, TimeoutError):
            return _OF_SYSTEM[errno.ETIMEDOUT]
        return _OF_SYSTEM[errno.ECONNRESET] if isinstance(error, ConnectionError) else None
    return _of_library(error)


def _of_library(error: BaseException) -> str | None:
    """What the standard library says of networks and packed files; its modules are imported here, as an error is rare
    and they are slow."""
    import gzip
    import http.client
    import lzma
    import socket
    import ssl
    import urllib.error
    import zipfile
    import zlib

    if isinstance(error, urllib.error.HTTPError):
        return say("the answer was the status {code}", code=error.code)
    if isinstance(error, urllib.error.URLError):
        return reason(error.reason) if isinstance(error.reason, BaseException) else str(error.reason)
    if isinstance(error, socket.gaierror):
        return say("its name is not known in the network")
    if isinstance(error, ssl.SSLCertVerificationError):
        return say("its certificate is not to be trusted")
    if isinstance(error, ssl.SSLError | http.client.IncompleteRead | ConnectionError):
        return _OF_SYSTEM[errno.ECONNRESET]
    if isinstance(error, http.client.HTTPException):
        return say("what answers there does not speak HTTP")
    if isinstance(error, gzip.BadGzipFile):
        return say("it is no gzip file, or a damaged one")
    if isinstance(error, zipfile.BadZipFile):
        return say("it is no ZIP archive, or a damaged one")
    if isinstance(error, zlib.error | lzma.LZMAError):
        return say("what it has packed is damaged")
    return None
