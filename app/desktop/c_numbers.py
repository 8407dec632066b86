"""Numbers of C have a point whatever the person's language is.

macOS 27 ends a process that shows a native alert while numbers are written with a decimal comma (LC_NUMERIC), which is
so for half of Europe; Qt takes its locale from the environment.
"""

import locale


def keep_c_numbers() -> None:
    """Write C's numbers with a point. Call it once the QApplication is made."""
    locale.setlocale(locale.LC_NUMERIC, "C")
