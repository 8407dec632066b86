"""Section [data] of a run: what it learns from."""

from dataclasses import dataclass

from core.options import option

DEMO = "demo"  # the sample dataset that ships inside, for each method's shape of data


@dataclass(frozen=True)
class Data:
    """What it learns from."""

    path: str = option(
        DEMO,
        "A file (JSON, JSONL, CSV, TSV, text, Parquet, Arrow), several, one a line, a folder, a Hugging Face id, or "
        "'demo', the sample inside.",
        flag="dataset",
        label="Dataset",
        basic=True,
    )
    eval_path: str | None = option(
        None,
        "A second file of held-out rows, never trained on.",
        flag="eval-dataset",
        label="Validation data",
        unset="split off from the dataset",
    )
    eval_split: float = option(
        0.1,
        "Share of the rows held out for validation where no validation data is given. 0: train on every row.",
        low=0.0,
        high=0.5,
        label="Held-out share",
    )
    max_seq_len: int = option(
        2048,
        "Maximum sequence length in tokens. Longer rows are truncated at the end, counted and shown.",
        low=8,
        high=1_048_576,
        label="Maximum length",
        basic=True,
        when="Lower it to save memory; raise it if the preview shows that answers are truncated.",
    )
    train_on: str = option(
        "answers",
        "Which tokens the loss is computed on: every answer of a conversation, the last one only, or the whole text.",
        choices=("answers", "last", "all"),
        labels={"answers": "Every answer", "last": "The last answer", "all": "The whole text"},
        label="Learn from",
        when="Plain text is always trained on whole.",
    )
    columns: tuple[str, ...] = option(
        (),
        "Which column is what, where the names are not recognised: entries such as 'question=frage', or "
        "'question=translation.en' for what lies inside a column, or 'label=stars>=4' for thumbs of numbers; one "
        "with a comma stands in quotes, as in 'question=\"Name, full\"'. 'assistant=Anna' says whose messages are "
        "learned where people in a chat have names.",
        label="Column mapping",
        when="Map the columns if the format is not recognised, or recognised wrongly.",
    )
    exclude: tuple[str, ...] = option(
        (),
        "Rows to leave out: by the kind of problem found (duplicate, overlap with the validation data, "
        "same-as-question, ends-with-user, worse-chosen, garbled, escaped, template-token, empty-word, placeholder), "
        "or one by one, as in row:17, counted from 1 over all files. not-text leaves pictures and the like out of rows "
        "that hold text too.",
        label="Leave out rows",
    )
    fill_in: tuple[str, ...] = option(
        (),
        "Text that replaces placeholders such as {{name}}: entries such as 'name=Hone'.",
        label="Fill in",
    )
    chat_template: str | None = option(
        None,
        "The chat template of a base model that has none: 'chatml', 'llama3', 'gemma', 'plain' or a .jinja file.",
        label="Chat template",
        unset="the model's own",
    )
    packing: bool = option(
        True,
        "Pack short rows end to end where that saves padding. No row attends to another, and the numbers stay "
        "the same.",
        label="Pack rows",
        when="Switch it off to rule it out when comparing runs.",
    )
    shuffle: bool = option(True, "Shuffle the rows, in an order that follows from the seed.", label="Shuffle rows")
