"""Every chat template that transformers compiles in this process gets limits of time and size.

One that is harmless by its code is only watched, as counting takes a fifth of a rendering; any other is counted.
"""

import itertools
import threading
import time
from collections.abc import Iterable
from typing import Any

import jinja2

from core.data.tokenize import template_budget
from core.data.tokenize.template_budget import TemplateLimit
from core.data.tokenize.template_inspection import is_harmless
from core.data.tokenize.template_limits import LimitedEnvironment
from core.data.tokenize.template_sandbox import TemplateSandbox
from core.text.sentence import say

KEPT = 32  # compiled templates
PIECES = 128  # of a text, between two looks at its size and at the clock
CHARACTERS = 1 << 28  # of a text by a template that is watched: a row has 64 MB at most


class WatchedEnvironment(TemplateSandbox):
    """transformers' environment for chat templates, for one that is_harmless(). `model` is one that it has made."""

    def concat(self, pieces: Iterable[str]) -> str:  # the text of the whole
        pieces = iter(pieces)
        kept = list(itertools.islice(pieces, PIECES))
        if len(kept) == PIECES:
            size, deadline = sum(map(len, kept)), time.thread_time() + template_budget.SECONDS
            while some := list(itertools.islice(pieces, PIECES)):
                kept += some
                size += sum(map(len, some))
                if size > CHARACTERS:
                    raise TemplateLimit(
                        say(
                            "makes texts of more than {characters:,} characters for one conversation",
                            characters=CHARACTERS,
                        )
                    )
                if time.thread_time() > deadline:
                    raise TemplateLimit(
                        say("takes more than {seconds:g} seconds for one conversation", seconds=template_budget.SECONDS)
                    )
        return "".join(kept)


def environment_of(compile_template: Any) -> jinja2.Environment:
    """The environment that transformers makes, of an empty template: constant parts are computed while a template is
    compiled."""
    environment: jinja2.Environment = compile_template("").environment
    return environment


def model_environment() -> jinja2.Environment:
    """The environment that transformers makes for chat templates, without limits."""
    from transformers.utils import chat_template_utils

    compile_template: Any = chat_template_utils._compile_jinja_template
    return environment_of(getattr(compile_template, "unlimited", compile_template))


def limit_templates() -> None:
    """Give every chat template that transformers compiles in this process these limits."""
    from transformers.utils import chat_template_utils

    compile_template = chat_template_utils._compile_jinja_template
    if hasattr(compile_template, "unlimited"):
        return
    compiled = threading.local()  # of each thread, as a rendering counts in its template's environment

    def compile_limited(chat_template: str) -> jinja2.Template:
        templates: dict[str, jinja2.Template] = vars(compiled).setdefault("templates", {})
        if chat_template not in templates:
            if len(templates) > KEPT:
                templates.clear()
            model = environment_of(compile_template)
            kind = WatchedEnvironment if is_harmless(model.parse(chat_template)) else LimitedEnvironment
            templates[chat_template] = kind(model).from_string(chat_template)
        return templates[chat_template]

    vars(compile_limited)["unlimited"] = compile_template
    chat_template_utils._compile_jinja_template = compile_limited
