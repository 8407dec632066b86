"""Write resources/help and README's table of methods from the code: python -m resources.make.help

Every page of the help is generated; a test generates them again and compares. Options, methods, rewards and precisions
are described once, where they are defined.
"""

import re
from collections.abc import Iterable

from core import methods
from core.data.kinds import PAIRS, QUESTIONS, TEXT, UNPAIRED
from core.distributed.machines import Machines
from core.export.targets import TARGETS
from core.model.families import FAMILIES
from core.model.sharding import PIPELINE, TENSOR, family_ways
from core.options import Option, describe
from core.quant.modes import MODES
from core.resources import FOLDER
from core.rewards import REASONING_WEIGHTS, REWARDS
from core.run import Run, sections
from resources.make.data_help import data_page

HELP = FOLDER / "help"
README = FOLDER.parent / "README.md"
_TABLE_BEGIN, _TABLE_END = "<!-- methods: python -m resources.make.help -->", "<!-- end of methods -->"

_DATA = {
    TEXT: "conversations, questions with answers, or plain text",
    PAIRS: "a question with a better and a worse answer",
    UNPAIRED: "an answer marked good or bad",
    QUESTIONS: "questions whose answers can be checked",
}
_GROUPS = {"model": "Model", "data": "Data", "adapter": "What is trained", "train": "Training"}


# Written by hand; the options follow it.
MACHINES = """# Several machines or GPUs

A run can be shared by several Macs or by the GPUs of one machine. Each holds the whole model and takes its part of the rows of every step; their gradients are added up, so that the run learns what it would learn on one. MLX moves the numbers: over TCP (`ring`, also through a Thunderbolt cable), over RDMA (`jaccl`), or between NVIDIA GPUs (`nccl`).

**Not yet tried on two Macs.** What stands here was tried with several processes on one machine, and with two hosts of their own in network namespaces whose cable was cut. The steps on macOS follow the documentation of MLX and Apple.

- **The GPUs of this machine:** `hone train --model MODEL --dataset DATA --ranks 2`
- **Several machines:** `hone train --model MODEL --dataset DATA --hosts 10.0.0.1,10.0.0.2`, or in the window under **Settings → Machines**, and then at the last step of **New run**
- **By MLX's launcher:** `mlx.launch --hostfile hosts.json -- /path/to/python -P -m core train --model MODEL --dataset DATA`, which is also the way to MPI (`--backend mpi`)
- **How fast the link is:** `hone link-speed --hosts 10.0.0.1,10.0.0.2`
- **What each would do:** `hone train --model MODEL --dataset DATA --ranks 2 --dry-run` tells the rows of each rank, its share of the tokens and the memory that it would take, and starts none.

## Two Macs with a Thunderbolt cable, step by step

Not yet tried on hardware; please tell what you find.

1. **The same Hone on both.** The app in Applications on both, or the folder with `./run.sh` under the same path. The versions of Hone, MLX, mlx-lm and Python are compared before the first step; a difference is told and nothing is trained.
2. **Let the first reach the second.** On the second Mac, switch on *System Settings → General → Sharing → Remote Login*. On the first: `ssh-keygen -t ed25519` unless you have a key, `ssh-copy-id you@second.local`, then `ssh you@second.local` once, to accept its key. Hone uses your ssh and your keys, and asks for no password.
3. **Connect them.** A Thunderbolt 4 or 5 cable. In *System Settings → Network* both show a Thunderbolt Bridge; give it the address `10.0.0.1` on the first and `10.0.0.2` on the second, by hand, with the subnet mask `255.255.255.0`. `ping 10.0.0.2` has to answer.
4. **Data and model on both, in the same place.** `hone download MODEL` on both, or the model's folder under the same path; the dataset under the same path as well. Hone does not copy them.
5. **Measure before you trust it.** `hone link-speed --hosts 10.0.0.1,you@10.0.0.2`, or **Settings → Machines → Add** in the window, which tells at the start of a run whether two Macs pay. An adapter's gradient is small (40 MB for LoRA of rank 16 on 0.6 billion parameters); all weights of that model are 2.4 GB in every step.
6. **Train.** `hone train --model MODEL --dataset DATA --hosts 10.0.0.1,you@10.0.0.2`. The first machine keeps the run's folder; it can go on later on one machine or on three: `hone train --resume RUN --hosts …`.

## RDMA over Thunderbolt 5

`jaccl` has far less delay than TCP. It takes macOS 26.2 or later and Thunderbolt 5 on both Macs (Apple's technical note TN3205).

1. Start each Mac in macOS Recovery, open *Utilities → Terminal*, enter `rdma_ctl enable`, and start it again.
2. `ibv_devices` has to list a device for each port, such as `rdma_en2`; `hone doctor` then lists `jaccl` under Several GPUs.
3. The Thunderbolt Bridge must be off for RDMA. MLX sets up the addresses and writes the file of hosts: `mlx.distributed_config --backend jaccl --over thunderbolt --hosts first.local,second.local --auto-setup --output hosts.json`. It needs administrator rights on both.
4. `hone train --model MODEL --dataset DATA --hostfile hosts.json`

## What is the same as on one machine, and what is not

The batch that you ask for is the whole one: each rank takes its part of the rows, every row is seen once an epoch by one rank, and losses, gradients and metrics count by tokens over all. The order of the rows, the adapter's start values and sampled answers follow from the seed alone, so that the losses are those of one rank, but for the rounding of sums.

**Dropout is not the same:** each rank draws by itself which inputs an adapter leaves out. The losses then differ from those on one rank as they do with another seed; `resolved.json` and `report.md` say so. Without dropout (the default) nothing is drawn.

`resolved.json` and `report.md` also hold how many ranks there were, on which machines, which link was asked for, which is used and why, whether the model was parted and why, and what each had of the tokens, its speed and how long it waited.

## A model that is larger than one machine

`hone chat`, `hone eval`, `hone serve` and `hone train` can part a model over several machines, each of which reads and keeps only its part: `hone chat --model MODEL --hosts 10.0.0.1,you@10.0.0.2`. The files of the model lie whole on each of them. Of `hone serve` the first machine listens, at 127.0.0.1 as ever, and tells the others of each request; it has to be the one on which you start it. The window's chat takes a whole model, and says so where the weights are more than the machine's memory; a run that the window starts on several machines parts it where it has to.

- **`--sharding tensor`** gives each machine a share of every layer: of its heads and of its width. They exchange numbers twice a layer for every token, which takes a quick link (RDMA, or the GPUs of one machine). The number of heads has to be a multiple of the machines.
- **`--sharding pipeline`** gives each machine some of the layers. One after the other computes; a slow link is enough, and every format of packed weights can be used.
- **`--sharding auto`**, the default, parts a model only where it does not fit into the memory of the first machine: by tensors where that can be, else by layers.

mlx-lm's own code parts the models, for these of the families that Hone is tested with:

FAMILIES_IN_PARTS

Of other families it is told whether they can be parted, as is what does not fit: heads that cannot be divided, `nf4`, `fp4` and `int8` by tensors, or parts that are still too large. An adapter goes along: by layers as it is, by tensors merged into the weights, or LoRA beside weights that are packed. Pairs are then measured without the comparison with the base (`accuracy`), and `--forgetting` takes a whole model.

**Training** is parted by tensors alone, with LoRA over plain layers or over MLX's own 4 and 8 bit, and methods that need nothing of a model but its gradient (SFT, and pairs without a reference). Every machine then takes all the rows of a step, and a part of the computing; the losses, gradients and checkpoints are those of one machine within float32 rounding, and a run can go on with the model whole. Everything else needs the whole model on each machine: where it does not fit, a sentence says what it takes and why it cannot be parted. `--quantization nf4` and gradient checkpointing make the model of a run smaller.

**Not tried on hardware:** what stands here was tried with two and three processes on one machine, on its processor, with small random models of each of these families.

## When a machine is lost

A machine that dies ends the run on all at once; one that hangs, or whose cable was pulled, after 60 seconds without a sign of life, or after 60 seconds in which no exchange comes further (`--rank-timeout`). A step may take longer than that: where all machines compute, an exchange that waits for a step may take ten times as long, or four times the longest step so far, and one of many bytes a second more for every 4 MB. One sentence names it, the last checkpoint is kept, and `--resume` goes on. The ranks also compare the model, the adapter, the dataset, the reward file and the chat template before the first step.

## What goes over the network

Only between the machines that you name, at the addresses that you give: ssh with your own keys, MLX's connections, and one connection of each machine to the first by which a loss is noticed. Nothing listens longer than the run. MLX's connections are not encrypted: use a cable or a network that you trust.

## Options

"""


def pages() -> dict[str, str]:
    """The text of each page by its file's name."""
    texts = {
        "methods.md": _methods(),
        "data.md": data_page(_grid),
        "options.md": _options(),
        "models.md": _models(),
        "precision.md": _precision(),
        "rewards.md": _rewards(),
        "results.md": _results(),
        "machines.md": _machines(),
    }
    return {name: _escape_tags(text) for name, text in texts.items()}


def _escape_tags(text: str) -> str:
    """The Markdown with tags such as <think> as text, outside of code, which would be taken for HTML."""
    return re.sub(r"(`[^`]*`)|<(?=/?[a-z])", lambda match: match[1] or "\\<", text)


def _results() -> str:
    parts = [
        "# Using a result\n\nWhere what was learned can go: in the window under **Use it** on the page of a finished run, "
        "and with `hone export RUN --to TARGET`. What cannot be made says why before it begins; what is written is "
        "loaded again and compared. **Runs** and **Chat** lead to the list as well, for any adapter. The command writes a new "
        "file or folder where it is called, or into LM Studio's folder; `--output` names another place."
    ]
    for name, target in TARGETS.items():
        facts = [f"- **Command:** `hone export RUN --to {name}{' --output OWNER/NAME' if target.needs_output else ''}`"]
        if len(target.forms) > 1:
            facts.append(f"- **Forms:** {', '.join(f'`{form}`' for form in target.forms)}; the first is the usual one.")
        if target.adapter_only:
            facts.append("- **Needs:** an adapter; where all weights were trained there is none.")
        parts.append("\n".join([f"## {target.title}\n", f"{target.sentence}\n", *facts]))
    parts.append(
        "## A server on this computer\n\nPrograms that know OpenAI's API ask the result at an address on this computer, "
        "until it is stopped or Hone closes.\n\n- **Command:** `hone serve RUN`"
    )
    return "\n\n".join(parts) + "\n"


def _methods() -> str:
    parts = [
        "# Methods\n\nHow a model can learn. Each is a goal in the window, a command, and a function of `core.easy`."
    ]
    parts.append(needs_table())
    for spec in methods.load().values():
        paper = f"[{spec.paper}](https://arxiv.org/abs/{spec.paper.removeprefix('arXiv:')})"
        rates = f"{spec.learning_rate:g} with LoRA or DoRA, {spec.learning_rate_full:g} when every weight is trained"
        facts = [
            f"- **Needs:** {spec.needs} Data: {_DATA[spec.data]}.",
            f"- **Memory and time:** {spec.cost}",
            f"- **Usual learning rate:** {rates}.",
            f"- **Source:** {paper}" if spec.paper.startswith("arXiv:") else f"- **Source:** {spec.paper}",
        ]
        options = describe(spec.options)
        option_list = _list(options) if options else "No options of its own."
        intro = f"## {spec.title}\n\n*{spec.goal}.* {spec.summary}\n\n`{_command(spec)}`\n\n"
        parts.append(intro + "\n".join(facts) + "\n\n" + option_list)
    return "\n\n".join(parts) + "\n"


def _command(spec: methods.Method) -> str:
    return "hone train" if spec.name == methods.DEFAULT_METHOD else f"hone {spec.name}"


def methods_table() -> str:
    """README's table: what somebody has, the method for it, its command, and its function in core.easy."""
    specs = sorted(methods.load().values(), key=lambda s: (_group_place(s), s.group_rank, s.name))
    rows = [(f"{s.goal}.", s.title, f"`{_command(s)}`", f"`{_function(s)}`") for s in specs]
    return _grid(("", "method", "command", "from `core.easy`"), rows) + "\n\n" + needs_table()


def needs_table() -> str:
    """What each method needs, and what memory and time it takes: in the help, and in README."""
    specs = sorted(methods.load().values(), key=lambda s: (_group_place(s), s.group_rank, s.name))
    return _grid(("method", "you need", "memory and time"), [(s.title, s.needs, s.cost) for s in specs])


def _group_place(spec: methods.Method) -> int:
    return methods.GROUPS.index(spec.group) if spec.group in methods.GROUPS else len(methods.GROUPS)


def _function(spec: methods.Method) -> str:
    name = "finetune" if spec.name == methods.DEFAULT_METHOD else spec.name
    return f"{name}(model, dataset, teacher)" if spec.divergence else f"{name}(model, dataset)"


def fill_readme(text: str) -> str:
    """README with its table of methods generated anew. Raises ValueError where the markers of the table are missing."""
    if _TABLE_BEGIN not in text or _TABLE_END not in text:
        raise ValueError(f"README.md has no lines {_TABLE_BEGIN!r} and {_TABLE_END!r}")
    head, tail = text.split(_TABLE_BEGIN)[0], text.split(_TABLE_END)[1]
    return f"{head}{_TABLE_BEGIN}\n\n{methods_table()}\n\n{_TABLE_END}{tail}"


def _options() -> str:
    intro = (
        "# Options\n\nThose of every method; a method's own stand with the [methods](methods.md). "
        "Each has a flag on the command line and a place in `run.toml`, under the heading's name in brackets. "
        "Unknown options are refused."
    )
    parts = [intro, "## Run\n\n" + _list(o for o in describe(Run) if o.name != "method")]
    for name, group in sections(methods.DEFAULT_METHOD).items():
        if name in _GROUPS:
            parts.append(f"## {_GROUPS[name]} `[{name}]`\n\n" + _list(describe(group)))
    return "\n\n".join(parts) + "\n"


def _models() -> str:
    rows = [
        (
            family.title,
            ", ".join(f"`{k}`" for k in family.kinds),
            f"Not supported: {family.unsupported}." if family.unsupported else family.limits,
        )
        for family in FAMILIES
    ]
    return (
        "# Models\n\n"
        "Any model that mlx-lm loads can be tried. These families are tried by the tests: a small random model of each, "
        "in every base precision, with an adapter on every linear layer, one step, saved and loaded again.\n\n"
        + _grid(("family", "model_type in config.json", "to know"), rows)
        + "\n"
    )


def _machines() -> str:
    words = {TENSOR: "`tensor`", PIPELINE: "`pipeline`"}
    rows = []
    for family in FAMILIES:
        ways = {kind: tuple(words[way] for way in family_ways(kind)) for kind in family.kinds}
        for found in sorted(set(ways.values()) - {()}, reverse=True):
            kinds = ", ".join(f"`{kind}`" for kind, own in ways.items() if own == found)
            rows.append((family.title, kinds, " and ".join(found)))
    table = _grid(("family", "model_type in config.json", "--sharding"), rows)
    return MACHINES.replace("FAMILIES_IN_PARTS", table) + _list(describe(Machines)) + "\n"


def _precision() -> str:
    rows = []
    for mode in MODES.values():
        block = str(mode.block) if mode.block else "a row"
        bits = f"{mode.stored_bits():.2f}".rstrip("0").rstrip(".")
        double = f", {mode.stored_bits(True):.2f} with packed scales" if mode.double else ""
        rows.append((f"`{mode.name}`", mode.title, "MLX" if mode.mlx else "bitsandbytes", block, bits + double))
    words = "\n".join(f"- `{mode.name}`: {mode.summary}" for mode in MODES.values())
    return (
        "# Base precision\n\n"
        "`--quantization` stores the base model's weights in fewer bits; the adapter stays in full precision. "
        "`nf4`, `fp4` and `int8` equal bitsandbytes number for number; the others are MLX's own formats.\n\n"
        + _grid(("name", "title", "as", "weights to a scale", "bits a weight"), rows)
        + "\n\n"
        + words
        + "\n"
    )


def _rewards() -> str:
    rows = [
        (f"`{name}`", r.title, r.sentence, f"{REASONING_WEIGHTS[name]:g}" if name in REASONING_WEIGHTS else "")
        for name, r in REWARDS.items()
    ]
    with_rewards = sorted((s for s in methods.load().values() if s.on_policy), key=lambda spec: spec.group_rank)
    titles = " and ".join(spec.title for spec in with_rewards)
    return (
        f"# Rewards\n\nWhat scores an answer in {titles}: `--rewards numeric=1,format=0.2`. "
        "The last column is what `--reasoning-rewards` stands for.\n\n"
        + _grid(("name", "title", "what it checks", "reasoning"), rows)
        + "\n"
    )


def _list(options: Iterable[Option]) -> str:
    return "\n".join(_entry(o) for o in options)


def _entry(o: Option) -> str:
    flag = f"`{o.flag}`" + (f", `--no-{o.flag[2:]}`" if o.type is bool else "")
    key = f"in run.toml `{o.name}`" if o.flag[2:].replace("-", "_") != o.name else ""
    facts = "; ".join(fact for fact in (f"default {_usual(o)}", _range(o), key) if fact)
    return f"- **{o.label}** {flag}: {o.help} {o.when}".rstrip() + f" *({facts})*"


def _usual(o: Option) -> str:
    if o.default is None:
        return o.unset
    if o.type is bool:
        return "on" if o.default else "off"
    if o.type is tuple:
        return ", ".join(o.default) or "none"
    return f"{o.default:g}" if o.type is float else str(o.default)


def _range(o: Option) -> str:
    if o.choices:
        return ", ".join(f"`{c}`" for c in o.choices)
    if o.low is not None and o.high is not None:
        return f"{_number(o.low)} to {_number(o.high)}"
    return ""


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:g}"


def _grid(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [heads, tuple("---" for _ in heads), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def main() -> None:
    HELP.mkdir(exist_ok=True)
    for name, text in pages().items():
        (HELP / name).write_text(text, encoding="utf-8")
    README.write_text(fill_readme(README.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
