"""Places where a line may end in words that are too long for one: names of files, paths, what a small model writes."""

import re

_BREAK = "\u200b"  # takes no room
_LONG = 24  # letters in a row that stay together
_LONG_WORD = re.compile(rf"[^\s/-]{{{_LONG + 1},}}")  # behind a hyphen and a slash a line ends as it is
_LONG_PART = re.compile(rf"[^\s/{_BREAK}-]{{{_LONG}}}(?=[^\s/{_BREAK}-])")


def break_words(text: str) -> str:
    """The text with breaks that cannot be seen in its long words, behind _ and . where there are any."""

    def break_word(word: re.Match[str]) -> str:
        parts = re.sub(r"([_.])(?=\w)", rf"\1{_BREAK}", word[0])
        return _LONG_PART.sub(rf"\g<0>{_BREAK}", parts)

    return _LONG_WORD.sub(break_word, text)


def join_words(text: str) -> str:
    """The text without these breaks."""
    return text.replace(_BREAK, "")
