"""hone link-speed: how fast the ranks that a launcher has started exchange their gradients."""

from typing import Any

from core.cli import Print, on_ranks


def add(commands: Any) -> None:
    command = commands.add_parser(
        "link-speed",
        help="Measure the link between several machines or GPUs.",
        description="Sums small arrays over all machines and prints how long that takes.",
    )
    command.add_argument("--json", action="store_true", help="Print JSON.")
    command.set_defaults(command=run)
    on_ranks.add_machine_flags(command, with_model=False)


def run(args: Any, out: Print) -> int:
    from core.distributed import link_speed
    from core.distributed.session import joined
    from core.errors import BadOption

    if machines := on_ranks.asked_machines(args):
        link = link_speed.ask_link(machines)
    else:
        with joined() as session:
            if session.group.size == 1:
                raise BadOption("A link is between several: name them with --hosts, --hostfile or --ranks.")
            link = link_speed.measure_link(session.group)
            if not session.group.is_first:
                return 0
    words = (
        f"{link.bytes_per_second / 1e6:,.0f} MB are summed in a second; the least takes {link.latency_seconds:.1e} s"
    )
    out(link_speed.to_json(link) if args.json else words)
    return 0
