"""Errors of background threads: they become a message for the window, and MLX's streams are cleared at the end."""

import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from app.desktop.language import tr
from core.errors import UserError
from core.files.file_errors import refusal
from core.redact import redact


@contextmanager
def report_errors(failed: Callable[[str], None], crashed: Callable[[str], None]) -> Iterator[None]:
    """Run the body of a `with`; nothing is raised out of it, because nothing may leave a QThread's run().

    `failed` gets the sentence of a UserError, or of what the system has refused, which a signal for plain text has to
    give in the window's language: see translated(). `crashed` gets the traceback of any other exception. This is the
    one place of the window that catches everything.
    """
    try:
        yield
    except UserError as error:
        failed(redact(str(error)))
    except Exception as error:
        if isinstance(error, OSError) and (refused := refusal(error)):
            failed(redact(str(refused)))
        else:
            crashed(redact(traceback.format_exc()))
    finally:
        _clear_streams()


def translated(emit: Callable[[str], None]) -> Callable[[str], None]:
    """What emits a sentence in the window's language: a signal for plain text loses what a Sentence is made of."""
    return lambda sentence: emit(tr(sentence))


def _clear_streams() -> None:
    """Clear MLX's streams of this thread: they belong to the thread that made them and must go before it does."""
    # Missing while another thread is just importing MLX: then this one has made no streams.
    clear = getattr(sys.modules.get("mlx.core"), "clear_streams", None)
    if clear is not None:
        clear()
