"""The command line: hone train, chat, eval, data, methods, doctor. The only place in core that prints.

Exit codes: 0 done, 2 for what the person can put right (one sentence on stderr), 1 for a bug, 128 + its number for a
signal that ended the program (130 for Ctrl-C).
"""

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from core.signals import Ended, end, handled_by


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        with handled_by(end):
            return _run(words)
    except Ended as ended:
        _complain(str(ended))
        return ended.exit_code


def _run(words: list[str]) -> int:
    # Behind the signals' handlers: importing takes a moment.
    from core.distributed.own_gpu import take_own_gpu

    take_own_gpu()  # before anything asks MLX for a GPU
    from core import cli
    from core.distributed.group import RankFailed
    from core.distributed.launched import rank_of
    from core.errors import UserError
    from core.files.file_errors import refusal

    def output(*values: Any, **options: Any) -> None:
        try:
            print(*values, **options)
        except OSError as error:
            raise cli.OutputClosed(error) from None

    try:
        args = cli.parser().parse_args(words)
        return int(args.command(args, output) or 0)
    except cli.OutputClosed as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what Python still wants to write goes nowhere
        if error.reader_has_gone:  # hone ... | head
            return 0
        _complain(str(error))
        return 2
    except RankFailed as error:
        if rank_of(os.environ) == 0:  # on the others it repeats what another rank says
            _complain(str(error))
        return 2
    except UserError as error:
        _complain(str(error), getattr(error, "changes", ()))
        return 2
    except OSError as error:
        refused = refusal(error)
        if refused is None:  # a bug
            raise
        _complain(str(refused))
        return 2


def _complain(sentence: str, changes: Sequence[str] = ()) -> None:
    from core.distributed.complaint import complaint
    from core.redact import redact

    with suppress(OSError):  # a terminal that was closed
        print(complaint(redact(sentence), changes), file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
