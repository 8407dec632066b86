"""The command line: hone train, chat, eval, data, methods, doctor. The only place in core that prints.

Exit codes: 0 done, 2 for what the person can put right (one sentence on stderr), 1 for a bug.
"""

import sys
from collections.abc import Sequence

from core import cli
from core.errors import UserError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        args = cli.parser().parse_args(words)
        return int(args.command(args, print) or 0)
    except UserError as error:
        print(f"hone: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader of our output has gone (hone ... | head)
        sys.stderr.close()
        return 0


if __name__ == "__main__":
    sys.exit(main())
