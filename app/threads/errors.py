"""The edge of background work: where an error becomes a message, and MLX lets go of the thread."""

import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from core.errors import UserError


@contextmanager
def edge(failed: Callable[[str], None], crashed: Callable[[str], None]) -> Iterator[None]:
    """Run the body; a UserError goes to `failed` as its sentence, anything else to `crashed` as a traceback.

    This is the one place of the window that catches everything: nothing may leave a QThread's run().
    """
    try:
        yield
    except UserError as error:
        failed(str(error))
    except Exception:
        crashed(traceback.format_exc())
    finally:
        _clear_streams()


def _clear_streams() -> None:
    """MLX's streams belong to the thread that made them and must go before it does."""
    # Missing while another thread is just importing MLX: then this one has made no streams.
    clear = getattr(sys.modules.get("mlx.core"), "clear_streams", None)
    if clear is not None:
        clear()
