"""What the ranks of a run exchange: sums in float32, small Python values, and nothing where there is one."""

import subprocess
import sys
from pathlib import Path

from core.distributed.group import Group
from tests.core.distributed.ranks import run_ranks

EXCHANGE = """
import json, sys
import mlx.core as mx
from core.distributed import mlx_group
from core.distributed.launched import current_group
mlx_group.PIECE_BYTES = 64
ranks = current_group()
tree = {
    "a": mx.full((3, 2), ranks.rank + 1.0),
    "b": [mx.array([0.25 * ranks.rank], mx.bfloat16), mx.arange(40) * 1.0],
    "c": mx.array(1.0),
}
total = ranks.all_sum(tree if ranks.rank else dict(reversed(tree.items())))
values = ranks.gather({"rank": ranks.rank, "text": "ü" * 5000 * ranks.rank, "none": None, "number": 0.1})
ranks.barrier()
states = []
for is_waiting in (False, True):  # with what is computed in a sum, and without
    waited, longest = ranks.waited, ranks.longest
    ahead = ranks.begin_sum({"a": mx.full((3, 2), ranks.rank + 1.0)}, is_waiting)
    states.append([ranks.is_exchanging, ranks.is_computing, ranks.summing])
    ranks.finish_sum(ahead)
    grew = [ranks.longest > longest, ranks.waited > waited]
    states.append([ranks.is_exchanging, ranks.summing, *grew, ahead["a"].sum().item()])
print(json.dumps({
    "states": states,
    "rank": ranks.rank, "size": ranks.size, "backend": ranks.backend, "first": ranks.is_first,
    "a": total["a"].tolist(), "b": total["b"][0].item(), "dtype": str(total["b"][0].dtype),
    "last": total["b"][1][-1].item(), "c": total["c"].item(),
    "values": [v | {"text": len(v["text"])} for v in values],
    "told": ranks.broadcast("from 0" if ranks.rank == 0 else "from another"),
}))
"""


def test_one_rank_exchanges_nothing() -> None:
    group = Group()
    tree = {"a": object()}
    assert group.all_sum(tree) is tree
    assert group.gather(7) == [7] and group.broadcast("x") == "x" and group.is_first and group.size == 1
    code = (
        "import sys; from core.distributed.launched import current_group; current_group(); print('mlx' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_ranks_exchange(tmp_path: Path) -> None:
    results = run_ranks(3, tmp_path, EXCHANGE)
    for rank, result in enumerate(results):
        assert (result["rank"], result["size"], result["backend"]) == (rank, 3, "ring")
        assert result["first"] == (rank == 0)
        assert result["a"] == [[6.0, 6.0]] * 3 and result["c"] == 3.0 and result["last"] == 117.0
        assert result["b"] == 0.75 and result["dtype"] == "mlx.core.bfloat16"
        computing, waiting = (
            [[True, True, 24], [False, 0, True, False, 36.0]],
            [[True, False, 24], [False, 0, False, True, 36.0]],
        )
        assert result["states"] == [*computing, *waiting]
        expected = [{"rank": r, "text": 5000 * r, "none": None, "number": 0.1} for r in range(3)]
        assert result["values"] == expected and result["told"] == "from 0"
