"""The formats that store a base model's weights in fewer bits, and the facts about each. Needs no MLX.

One table holds two kinds: nf4, fp4 and int8 follow bitsandbytes number for number; the others are MLX's own
formats under MLX's names. Neither kind borrows the other's names: mxfp4 is not FP4.
"""

from dataclasses import dataclass

from core.errors import BadOption
from core.text.sentence import join_and, say


@dataclass(frozen=True)
class Mode:
    """One format for packed weights."""

    name: str
    title: str
    summary: str  # one sentence for people
    bits: int  # of one weight's code
    block: int  # weights that share a scale; 0: a whole row of the matrix
    scale_bits: int  # bits that a block stores beside its codes (MLX's affine: two 16-bit numbers)
    mlx: str = ""  # MLX's name of the format; "" for those of bitsandbytes
    double: bool = False  # whether its scales can be packed too (double quantization)

    def stored_bits(self, double: bool = False) -> float:
        """Bits that a weight takes with its share of the scales. The scale of each row in int8 is too little to count.

        With `double`, a scale takes 8 bits, and 256 scales share one of 32.
        """
        scale_bits = 8 + 32 / 256 if double else self.scale_bits
        return self.bits + (scale_bits / self.block if self.block else 0)


UNPACKED = "none"  # the value of the option for weights that stay as they are stored


def _affine(bits: int, summary: str) -> Mode:
    return Mode(f"affine-{bits}", f"{bits} bit affine", summary, bits, 64, 32, mlx="affine")


MODES: dict[str, Mode] = {
    mode.name: mode
    for mode in (
        Mode(
            "nf4",
            "4 bit NF4",
            "About a quarter of the memory of 16 bit, little lost: the usual choice for QLoRA.",
            4,
            64,
            32,
            double=True,
        ),
        Mode(
            "fp4",
            "4 bit FP4",
            "As small as NF4 and a little less exact: to match models trained with it.",
            4,
            64,
            32,
            double=True,
        ),
        Mode("int8", "8 bit", "About half the memory of 16 bit, next to nothing lost.", 8, 0, 32),
        _affine(2, "MLX's evenly spaced steps in 2 bits: very small, and much is lost."),
        _affine(3, "MLX's evenly spaced steps in 3 bits: smaller than 4 bit, and visibly less exact."),
        _affine(4, "MLX's evenly spaced steps in 4 bits: the format of most models of the MLX community."),
        _affine(5, "MLX's evenly spaced steps in 5 bits: a little more exact than 4 bit."),
        _affine(6, "MLX's evenly spaced steps in 6 bits: close to 8 bit in three quarters of the memory."),
        _affine(8, "MLX's evenly spaced steps in 8 bits: next to nothing lost."),
        Mode("mxfp4", "4 bit MXFP4", "The shared 4-bit standard that newer chips compute in.", 4, 32, 8, mlx="mxfp4"),
        Mode("nvfp4", "4 bit NVFP4", "NVIDIA's 4-bit format with small blocks, more exact.", 4, 16, 8, mlx="nvfp4"),
        Mode("mxfp8", "8 bit MXFP8", "The shared 8-bit standard that newer chips compute in.", 8, 32, 8, mlx="mxfp8"),
    )
}


def find_mode(name: str, double: bool = False) -> Mode:
    """The mode of this name. Raises BadOption for an unknown name, or with `double` if its scales cannot be packed."""
    if name not in MODES:
        raise BadOption(say("There is no quantization {name!r}; there are {modes}.", name=name, modes=", ".join(MODES)))
    mode = MODES[name]
    if double and not mode.double:
        names = join_and([m.name for m in MODES.values() if m.double])
        raise BadOption(
            say(
                "Double quantization packs the scales of {names}; {name} has none of that kind.", names=names, name=name
            )
        )
    return mode
