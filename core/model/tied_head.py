"""An output layer in the files of a model whose embeddings serve as one. Needs no MLX."""

from pathlib import Path

from core.model.check_folder import read_config
from core.model.target_names import OUTSIDE_BLOCKS
from core.model.weight_files import read_header, read_tensor_bytes, weight_files
from core.text.sentence import say


def tied_head_note(folder: Path) -> str:
    """unused_head_note() of a folder whose config says that its embeddings are the output layer; else ""."""
    return unused_head_note(folder) if read_config(folder).get("tie_word_embeddings") is True else ""


def unused_head_note(folder: Path) -> str:
    """A sentence where the files hold an output layer (lm_head) that is not the same as the embeddings; else "".

    For a model that uses its embeddings as output layer, as tie_word_embeddings says.
    """
    found: dict[str, tuple[Path, str]] = {}
    for path in weight_files(folder):
        for name in read_header(path):
            module, _, kind = name.rpartition(".")
            for place, names in OUTSIDE_BLOCKS.items():
                if kind == "weight" and module.rpartition(".")[2] in names:
                    found[place] = (path, name)
    if found.keys() != {"embeddings", "head"}:
        return ""
    (file, head), (other_file, embeddings) = found["head"], found["embeddings"]
    infos = read_header(file)[head], read_header(other_file)[embeddings]
    if infos[0] == infos[1]:
        pairs = zip(read_tensor_bytes(file, head), read_tensor_bytes(other_file, embeddings), strict=True)
        if all(first == second for first, second in pairs):
            return ""
    return say(
        "{folder} holds an output layer of its own ({head}) that differs from its embeddings, but "
        "config.json says that they are one (tie_word_embeddings): the embeddings are used, as in "
        "transformers and mlx-lm.",
        folder=folder,
        head=head,
    )
