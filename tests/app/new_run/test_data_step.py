"""The data step: what a person sees of a dataset, and that each control changes one thing of the run."""

import json
from pathlib import Path
from threading import Event as Flag
from typing import Any

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from app.new_run.data_step import DataStep
from app.preview.paged_model import PAGE
from app.shell.window import MainWindow
from core.data.preview import scan as scanning
from core.events import Phase
from core.run import Run, list_options
from core.run.flags import option_value

FILES = Path(__file__).parents[2] / "core" / "data" / "files"


@pytest.fixture
def page(window: MainWindow) -> DataStep:
    window.wizard.show_named("data")
    return window.wizard.data


def use(qtbot: QtBot, window: MainWindow, path: Path, tab: str = "rows") -> DataStep:
    """The page with a file that has been read, at one of its tabs."""
    window.open_files([path])
    page = window.wizard.data
    qtbot.waitUntil(
        lambda: page.scanned is not None and page.head is not None and str(path) in page.head.index.files,
        timeout=20_000,
    )
    page.preview.tabs.show_page(getattr(page.preview, tab))
    return page


def cells(page: DataStep, row: int) -> list[str]:
    model = page.preview.rows.model
    return [model.index(row, column).data() for column in range(model.columnCount())]


def differing(old: Run, new: Run) -> set[str]:
    return {key for key, _ in list_options(new.method) if option_value(old, key) != option_value(new, key)}


def many(path: Path, count: int) -> Path:
    rows = ({"question": f"What is {n}?", "answer": f"{'abc'[n % 3]}{n}" + "!" * (n % 7)} for n in range(count))
    path.write_text("\n".join(map(json.dumps, rows)) + "\n")
    return path


def test_any_page_of_many_rows_is_read_when_it_is_looked_at(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    page = use(qtbot, window, many(tmp_path / "rows.jsonl", 6_000))
    model = page.preview.rows.model
    assert model.rowCount() == 6_000
    for row in (0, 5_999, 3_876):
        page.preview.rows.table.scrollTo(model.index(row, 0))
        qtbot.waitUntil(lambda row=row: model.row_at(row) is not None)
        assert cells(page, row)[:2] == [f"{row + 1:,}", f"What is {row}?"]
    assert len(model._pages) < 6_000 / PAGE / 4
    assert page.preview.rows.state.text() == "6,000 rows"


def test_rows_are_searched_and_sorted(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    page = use(qtbot, window, many(tmp_path / "rows.jsonl", 300))
    rows = page.preview.rows
    rows.search.setText("what is 29")
    qtbot.waitUntil(lambda: rows.state.text() == "13 found")
    qtbot.waitUntil(lambda: rows.model.row_at(0) is not None)
    assert cells(page, 0)[1] == "What is 29?"
    rows.search.clear()
    qtbot.waitUntil(lambda: rows.state.text() == "300 rows")
    column = [rows.model.headerData(n, Qt.Orientation.Horizontal) for n in range(4)].index("Length")
    rows.table.sortByColumn(column, Qt.SortOrder.DescendingOrder)
    qtbot.waitUntil(lambda: rows.model.row_at(0) is not None and cells(page, 0)[3] == "22")
    rows.table.sortByColumn(0, Qt.SortOrder.DescendingOrder)
    qtbot.waitUntil(lambda: rows.model.row_at(0) is not None and cells(page, 0)[0] == "300")
    rows.table.sortByColumn(0, Qt.SortOrder.AscendingOrder)
    qtbot.waitUntil(lambda: rows.model.row_at(0) is not None and cells(page, 0)[0] == "1")


def test_a_long_row_can_be_read_in_full(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    path = tmp_path / "long.jsonl"
    long = "word " * 2000
    path.write_text(json.dumps({"prompt": "Go on", "completion": long + "end"}) + "\n")
    page = use(qtbot, window, path)
    rows = page.preview.rows
    qtbot.waitUntil(lambda: rows.model.row_at(0) is not None)
    assert len(cells(page, 0)[2]) < 500
    rows.table.selectRow(0)
    assert rows.row_view.reader.toPlainText() == f"Asked\nGo on\nAnswer\n{long}end"
    assert rows.row_view.isVisible()


def test_what_the_model_sees_follows_the_row_and_the_run(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    path = tmp_path / "chat.jsonl"
    turns = [
        {"role": r, "content": c} for r, c in (("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d"))
    ]
    path.write_text(f"{json.dumps({'messages': turns})}\n{json.dumps({'messages': turns[:2]})}\n")
    page = use(qtbot, window, path, "tokens")
    tab = page.preview.tokens
    qtbot.waitUntil(lambda: tab.count.text().endswith("6 learned"), timeout=20_000)
    assert tab.place.text() == "Row 1 of 2 (line 1)"
    assert tab.legend.text().endswith("Answers end with <|im_end|>.")
    tab.next_button.click()
    qtbot.waitUntil(lambda: tab.count.text().endswith("3 learned"))
    assert tab.place.text() == "Row 2 of 2 (line 2)"
    tab.previous.click()
    old_run = window.draft.run
    tab.learn.setCurrentIndex(tab.learn.findData("last"))
    tab.learn.activated.emit(tab.learn.currentIndex())
    assert differing(old_run, window.draft.run) == {"data.train_on"}
    qtbot.waitUntil(lambda: tab.count.text().endswith("3 learned") and "of 2 (line 1)" in tab.place.text())
    window.draft.set("data.max_seq_len", 8)
    qtbot.waitUntil(lambda: tab.count.text().endswith("cut"))
    assert "✂ cut here" in tab.views[0].toPlainText()


KINDS = [
    ("dpo", {"prompt": "Hi", "chosen": "yes", "rejected": "no"}, ["Better answer", "Worse answer"], "yes"),
    ("kto", {"prompt": "Hi", "completion": "yes", "label": False}, ["✗ Marked bad"], "yes"),
    ("kto", {"prompt": "Hi", "chosen": "yes", "rejected": "no"}, ["✓ Marked good", "✗ Marked bad"], "yes"),
    ("grpo", {"question": "Hi", "answer": "work\n#### 7"}, [""], ""),
]


@pytest.mark.parametrize(("method", "row", "names", "learned"), KINDS, ids=["pairs", "thumbs", "both", "questions"])
def test_every_kind_of_data_is_shown_as_it_is_trained(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, method: str, row: dict[str, Any], names: list[str], learned: str
) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps({**row, "n": n}) + "\n" for n in range(3)))
    window.draft.set("method", method)
    page = use(qtbot, window, path, "tokens")
    tab = page.preview.tokens
    qtbot.waitUntil(lambda: bool(tab.count.text()), timeout=20_000)
    assert [n.text() for n, v in zip(tab.names, tab.views, strict=True) if v.isVisible()] == names
    marked = "".join(t.text for t in tab.views[0]._tokens if t.learned)
    assert learned in marked
    if not learned:
        assert tab.answer.text() == "Its answers are checked against: 7"
        assert "#### 7" not in tab.views[0].toPlainText()
        assert marked == ""
    assert not tab.learn.isEnabled()


def test_the_line_of_the_maximum_is_dragged_and_says_what_it_cuts(
    qtbot: QtBot, window: MainWindow, tmp_path: Path
) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps({"prompt": "a", "completion": "b " * (n * 5)}) + "\n" for n in range(1, 61)))
    page = use(qtbot, window, path, "lengths")
    lengths = page.preview.lengths
    qtbot.waitUntil(lambda: lengths.lengths is not None and lengths.lengths.is_complete, timeout=20_000)
    assert lengths.effect.text() == "cuts no row"
    old_run, chart = window.draft.run, lengths.histogram
    goal = 104
    start, end = (QPoint(round(chart.length_to_x(n)), 60) for n in (chart.limit, goal))
    QTest.mousePress(chart, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, start)
    QTest.mouseMove(chart, end)
    assert window.draft.run == old_run
    QTest.mouseRelease(chart, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, end)
    most = window.draft.run.data.max_seq_len
    assert abs(most - goal) <= 8
    assert differing(old_run, window.draft.run) == {"data.max_seq_len"}
    assert lengths.lengths is not None
    assert lengths.effect.text().startswith(f"cuts {lengths.lengths.count_cut(most)} rows")
    assert lengths.spin.value() == most
    qtbot.keyClick(chart, Qt.Key.Key_Right)
    assert window.draft.run.data.max_seq_len == most + 8
    lengths.fit.click()
    longest = int(lengths.lengths.longest.max())
    assert longest <= window.draft.run.data.max_seq_len < longest + 8
    assert lengths.effect.text() == "cuts no row"
    lengths.spin.setValue(64)
    assert window.draft.run.data.max_seq_len == 64


def test_problems_are_fixed_in_the_run_and_taken_back(qtbot: QtBot, window: MainWindow) -> None:
    file = FILES / "placeholders.jsonl"
    page = use(qtbot, window, file, "problems")
    problems, text = page.preview.problems, file.read_bytes()
    assert problems.message.text().startswith("placeholders.jsonl:1: The placeholder {{name}} stands in the text")
    old_run = window.draft.run
    problems.text.setText("Hone")
    problems.fill.click()
    assert differing(old_run, window.draft.run) == {"data.fill_in"}
    assert window.draft.run.data.fill_in == ("name=Hone",)
    qtbot.waitUntil(lambda: "{{ author }}" in problems.message.text())
    problems.exclude.click()
    assert window.draft.run.data.exclude == ("placeholder",)
    qtbot.waitUntil(lambda: page.scanned is not None and page.scanned.usable == 1)
    for button in problems._chosen_row.findChildren(type(problems.exclude)):
        if button.accessibleName().startswith("Take back"):
            button.click()
    assert window.draft.run == old_run
    assert file.read_bytes() == text


def test_all_safe_fixes_at_once(qtbot: QtBot, window: MainWindow) -> None:
    page = use(qtbot, window, FILES / "duplicates.jsonl", "problems")
    old_run = window.draft.run
    page.preview.problems.safe.click()
    assert differing(old_run, window.draft.run) == {"data.exclude"}
    assert window.draft.run.data.exclude == ("duplicate",)
    qtbot.waitUntil(lambda: page.scanned is not None and page.scanned.usable == 2)
    assert page.preview.problems.safe.isHidden()


def test_nothing_wrong_is_said(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    path = tmp_path / "good.jsonl"
    path.write_text("".join(json.dumps({"question": f"What is {n}?", "answer": f"{n}"}) + "\n" for n in range(60)))
    page = use(qtbot, window, path, "problems")
    assert page.preview.problems.summary.text() == "Nothing wrong was found in 60 rows."
    assert page.preview.problems._card.isHidden()


def test_a_column_inside_of_another_is_in_the_menu(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text('{"translation": {"en": "Hi?", "fr": "Yes."}}\n' * 2)
    window.open_files([path])
    page = window.wizard.data
    qtbot.waitUntil(lambda: "not known" in page.blocked_reason())
    for part, column in (("question", "translation.en"), ("answer", "translation.fr")):
        menu = page.columns.menus[part]
        assert menu.findText(column) > 0
        menu.setCurrentText(column)
    qtbot.waitUntil(lambda: page.blocked_reason() == "")
    assert window.draft.run.data.columns == ("question=translation.en", "answer=translation.fr")
    qtbot.waitUntil(lambda: page.preview.rows.model.row_at(0) is not None)
    assert cells(page, 0)[1:3] == ["Hi?", "Yes."]
    assert page.columns.menus["question"].findText("translation.fr") > 0


def test_columns_that_are_not_known_are_mapped(qtbot: QtBot, window: MainWindow) -> None:
    window.open_files([FILES / "semicolons.csv"])
    page = window.wizard.data
    qtbot.waitUntil(lambda: "not known" in page.blocked_reason())
    assert page.columns.isVisible()
    assert page.file.sentence.text() == (
        "2 rows with columns that are not known: aufgabe, loesung and einheit. Say below which column is what."
    )
    assert page.blocked_reason() == (
        "2 rows with columns that are not known: aufgabe, loesung and einheit. Say first which column is what."
    )
    qtbot.waitUntil(lambda: page.preview.rows.model.row_at(0) is not None)
    assert cells(page, 0)[1:3] == ["How long is it?", "3"]
    old_run = window.draft.run
    page.columns.menus["question"].setCurrentText("aufgabe")
    qtbot.wait(450)
    assert window.draft.run == old_run  # an answer is still missing
    page.columns.menus["answer"].setCurrentText("{loesung} {einheit}")
    qtbot.waitUntil(lambda: page.blocked_reason() == "")
    assert differing(old_run, window.draft.run) == {"data.columns"}
    assert window.draft.run.data.columns == ("question=aufgabe", "answer={loesung} {einheit}")
    qtbot.waitUntil(lambda: page.preview.rows.model.row_at(0) is not None)
    assert cells(page, 0)[1:3] == ["How long is it?", "3 m"]
    page.columns.reset.click()
    assert window.draft.run == old_run


def test_who_is_the_assistant_of_a_chat_is_asked(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    path = tmp_path / "chat.txt"
    path.write_text("".join(f"14.03.24, 18:0{n} - {name}: Hi {n}?\n" for n, name in enumerate(("Ben", "Anna"))))
    window.open_files([path])
    page = window.wizard.data
    qtbot.waitUntil(lambda: "who is the assistant" in page.blocked_reason())
    assert "--columns" not in page.blocked_reason() + page.file.sentence.text()
    menu = page.columns.menus["assistant"]
    assert menu.isVisible() and menu.findText("Anna") > 0 and menu.findText("messages") < 0
    menu.setCurrentText("Anna")
    qtbot.waitUntil(lambda: page.blocked_reason() == "")
    assert window.draft.run.data.columns == ("messages=messages", "assistant=Anna")
    qtbot.waitUntil(lambda: page.preview.rows.model.row_at(0) is not None)
    assert cells(page, 0)[1:3] == ["Hi 0?", "Hi 1?"]
    assert page.columns.menus["assistant"].findText("Ben") > 0
    page.columns.menus["assistant"].setCurrentText("Cara")
    qtbot.waitUntil(lambda: "Cara answers nobody" in page.blocked_reason())
    assert "Choose first who is the assistant" in page.blocked_reason()
    assert "Cara answers nobody" in page.file.sentence.text()


def test_columns_are_guessed_from_their_names_but_not_told_unasked(qtbot: QtBot, window: MainWindow) -> None:
    page = use(qtbot, window, FILES / "sharegpt.json")
    old_run = window.draft.run
    page.file.change.click()
    assert page.columns.layout_menu.currentText() == "Conversations"
    assert page.columns.menus["messages"].currentText() == "conversations"
    page.columns.close_button.click()
    assert window.draft.run == old_run


def test_a_model_without_a_template_gets_one(qtbot: QtBot, window: MainWindow, dataset: Path, tmp_path: Path) -> None:
    from core.resources import STARTER

    model = tmp_path / "base"
    model.mkdir()
    for file in STARTER.iterdir():
        if file.is_file() and not file.name.endswith((".safetensors", ".jinja")):
            (model / file.name).write_bytes(file.read_bytes())
    settings = json.loads((model / "tokenizer_config.json").read_text())
    settings.pop("chat_template", None)
    (model / "tokenizer_config.json").write_text(json.dumps(settings))
    window.draft.set("model.path", str(model))
    page = use(qtbot, window, FILES / "sharegpt.json", "tokens")
    row = page.preview.tokens.template
    qtbot.waitUntil(row.isVisible, timeout=20_000)
    qtbot.waitUntil(lambda: "no chat template" in page.preview.tokens._note.text())
    old_run = window.draft.run
    row.combo.setCurrentIndex(row.combo.findData("plain"))
    row.combo.activated.emit(row.combo.currentIndex())
    assert differing(old_run, window.draft.run) == {"data.chat_template"}
    qtbot.waitUntil(lambda: "User:" in page.preview.tokens.views[0].toPlainText(), timeout=20_000)


def test_rows_in_the_validation_data_are_found_and_left_out(qtbot: QtBot, window: MainWindow) -> None:
    page = use(qtbot, window, FILES / "overlap-train.jsonl", "problems")
    window.draft.set("data.eval_path", str(FILES / "overlap-valid.jsonl"))
    assert page.validation.sentence.text() == "Measured on overlap-valid.jsonl, never trained on."
    qtbot.waitUntil(lambda: page.scanned is not None and page.scanned.problems == {"overlap": 1, "no-template": 1})
    page.preview.problems.safe.click()
    qtbot.waitUntil(lambda: page.scanned is not None and page.scanned.usable == 2)
    page.validation.clear_button.click()
    assert window.draft.run.data.eval_path is None


def test_rows_that_a_file_sets_aside_are_what_is_measured_on(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    rows = [{"question": f"What is {n}?", "answer": f"{n}"} for n in range(9)]
    (tmp_path / "parts.json").write_text(json.dumps({"train": rows[:6], "test": rows[6:]}))
    sentence = use(qtbot, window, tmp_path / "parts.json", "rows").validation.sentence
    assert sentence.text() == "Measured on the 3 rows that the data set aside; none of them is trained on."
    window.draft.set("data.eval_split", 0.0)
    assert sentence.text() == "Nothing is held out: the run cannot say how it does on unseen examples."
    window.draft.set("data.eval_split", 0.1)
    use(qtbot, window, FILES / "sharegpt.json", "rows")
    assert sentence.text() == "One row cannot be divided: nothing is held out to measure on."


def test_reading_can_be_stopped_and_what_was_read_stays(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.preview.dataset_reader._UPDATE_SECONDS", 0.0)
    go, scan = Flag(), scanning.scan_files

    def half(*place: Any, **options: Any) -> Any:
        for item in scan(*place, **options):
            yield item
            if isinstance(item, scanning.ScanProgress) and item.done > item.size / 2:
                go.wait(20)

    monkeypatch.setattr(scanning, "scan_files", half)
    window.open_files([many(tmp_path / "rows.jsonl", 30_000)])
    page = window.wizard.data
    qtbot.waitUntil(lambda: page.file.stop.isVisible() and page.preview.rows.model.rowCount() > 1000)
    assert page.blocked_reason() == ""
    page.file.stop.click()
    go.set()
    assert page.file.sentence.text() == "Questions and answers: reading was stopped. A run reads all of it."
    count = page.preview.rows.model.rowCount()
    qtbot.wait(200)
    assert page.preview.rows.model.rowCount() == count < 30_000
    qtbot.waitUntil(lambda: page.preview.rows.model.row_at(count - 1) is not None)


def test_a_file_that_vanishes_is_one_sentence(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    path = many(tmp_path / "rows.jsonl", 3000)
    page = use(qtbot, window, path)
    path.unlink()
    page.preview.rows.table.scrollTo(page.preview.rows.model.index(2500, 0))
    qtbot.waitUntil(lambda: page.notice.isVisible())
    assert page.notice.sentence.text() == f"There is no file {path}."


def test_a_dataset_of_hugging_face_by_its_id(
    qtbot: QtBot, page: DataStep, window: MainWindow, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fetch(path: str) -> Any:
        yield Phase("Downloading", "2 of 3 MB", 0.7)
        return str(dataset) if path == "owner/rows" else path

    monkeypatch.setattr("app.threads.core_calls.fetch_data", fetch)
    qtbot.keyClicks(page.zone.id, "no id")
    qtbot.keyClick(page.zone.id, Qt.Key.Key_Return)
    assert window.draft.run.data.path == "demo"
    assert page.zone.id.is_wrong and "owner/name" in page.zone.words.text()
    page.zone.id.setText("https://huggingface.co/datasets/owner/rows/viewer")
    assert not page.zone.id.is_wrong and "owner/name" not in page.zone.words.text()
    qtbot.keyClick(page.zone.id, Qt.Key.Key_Return)
    assert window.draft.run.data.path == "owner/rows"
    qtbot.waitUntil(lambda: page.file.sentence.text() == "Prompt and completion, 60 rows: prompt and completion.")
    assert page.file.name.text() == "rows"


def test_a_single_row_is_left_out_and_taken_back_in(qtbot: QtBot, window: MainWindow, dataset: Path) -> None:
    page, text = use(qtbot, window, dataset), dataset.read_bytes()
    rows, scanned, old_run = page.preview.rows, page.scanned, window.draft.run
    qtbot.waitUntil(lambda: rows.model.row_at(4) is not None)
    rows.table.selectRow(4)
    assert rows.leave_out.isVisible() and rows.leave_out.text() == "Leave this row out"
    rows.leave_out.click()
    assert differing(old_run, window.draft.run) == {"data.exclude"}
    assert window.draft.run.data.exclude == ("row:5",)
    assert cells(page, 4)[1] == "Left out · What is 4 plus 4?"
    assert rows.state.text() == "60 rows, 1 left out"
    assert page.scanned is scanned  # nothing is read anew, however large the files are
    window.activateWindow()
    rows.table.setFocus()
    rows.table.selectRow(6)
    qtbot.keyClick(rows.table, Qt.Key.Key_Delete)
    assert window.draft.run.data.exclude == ("row:5", "row:7")
    assert rows.leave_out.text() == "Take this row back in"
    rows.search.setText("plus")  # the row stays beside the table, and what the button is about
    qtbot.waitUntil(lambda: rows.state.text() == "60 found")
    rows.leave_out.click()
    assert window.draft.run.data.exclude == ("row:5",)
    rows.leave_out.click()
    assert rows.leave_out.text() == "Take this row back in"
    rows.search.clear()
    qtbot.waitUntil(lambda: rows.state.text() == "60 rows, 2 left out")
    rows.table.selectRow(6)
    qtbot.waitUntil(lambda: rows.model.row_at(6) is not None)
    (button,) = (
        b
        for b in page.preview.problems._chosen_row.findChildren(type(rows.leave_out))
        if b.text() == "Without 2 single rows"
    )
    qtbot.keyClick(rows.table, Qt.Key.Key_Delete)
    assert window.draft.run.data.exclude == ("row:5",)
    button.click()
    assert window.draft.run == old_run
    assert dataset.read_bytes() == text


def test_a_row_that_is_left_out_says_so_where_it_is_seen(qtbot: QtBot, window: MainWindow, dataset: Path) -> None:
    page = use(qtbot, window, dataset, "tokens")
    tab = page.preview.tokens
    qtbot.waitUntil(lambda: bool(tab.count.text()), timeout=20_000)
    assert tab._note.isHidden()
    window.draft.set("data.exclude", ("row:1",))
    qtbot.waitUntil(lambda: tab._note.isVisible())
    assert tab._note.text() == "You have left this row out: nothing of it is learned."


def test_a_finding_is_excluded_by_its_row_alone(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    path = tmp_path / "two.jsonl"
    path.write_text('{"prompt": "Who?", "completion": "{{name}}"}\n' * 2)
    page = use(qtbot, window, path, "problems")
    problems, old_run = page.preview.problems, window.draft.run
    assert problems.leave_out.isVisible() and problems.exclude.text() == "Exclude all rows with a placeholder"
    problems.leave_out.click()
    assert differing(old_run, window.draft.run) == {"data.exclude"}
    assert window.draft.run.data.exclude == ("row:1",)
    assert problems.message.text().endswith("The row is left out, as chosen.")
    assert not problems.leave_out.isVisible() and not problems.fill.isVisible()


def test_other_files_have_other_rows_and_their_own_validation_data(
    qtbot: QtBot, window: MainWindow, dataset: Path, tmp_path: Path
) -> None:
    use(qtbot, window, dataset)
    window.incoming.use_data(None, str(FILES / "overlap-valid.jsonl"))
    window.draft.set("data.exclude", ("duplicate", "row:3"))
    assert window.draft.run.data.path == str(dataset)
    use(qtbot, window, many(tmp_path / "other.jsonl", 5))
    assert window.draft.run.data.exclude == ()
    assert window.draft.run.data.eval_path is None


def test_files_chosen_together_are_parted_by_their_names(
    page: DataStep, window: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train, valid = many(tmp_path / "train.jsonl", 9), many(tmp_path / "valid.jsonl", 3)
    chosen = [str(train), str(valid)], ""
    monkeypatch.setattr("app.new_run.data_step.QFileDialog.getOpenFileNames", lambda *_: chosen)
    page.choose()
    assert (window.draft.run.data.path, window.draft.run.data.eval_path) == (str(train), str(valid))


def test_rows_are_sorted_by_the_keyboard_alone(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    page = use(qtbot, window, many(tmp_path / "rows.jsonl", 30))
    rows = page.preview.rows
    window.activateWindow()
    rows.table.setFocus()
    qtbot.keyClick(rows.table, Qt.Key.Key_Tab)
    header = rows.table.horizontalHeader()
    assert header.hasFocus()
    assert header.accessibleName() == "Sort by Line"
    for _ in range(4):  # one more than there are
        qtbot.keyClick(header, Qt.Key.Key_Right)
    assert header.accessibleName() == "Sort by Length"
    qtbot.keyClick(header, Qt.Key.Key_Left)
    assert header.accessibleName() == "Sort by Answer to learn"
    qtbot.keyClick(header, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: rows.model.row_at(0) is not None and cells(page, 0)[2].startswith("a0"))
    qtbot.keyClick(header, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: rows.model.row_at(0) is not None and cells(page, 0)[2].startswith("c8"))


def test_plain_text_has_no_empty_column_of_questions(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    path = tmp_path / "text.jsonl"
    path.write_text('{"text": "Once upon a time."}\n{"text": "The end."}\n')
    page = use(qtbot, window, path)
    model = page.preview.rows.model
    names = [model.headerData(n, Qt.Orientation.Horizontal) for n in range(model.columnCount())]
    assert names == ["Line", "Text to learn", "Length"]


def test_a_row_of_which_nothing_is_learned_says_so(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    path = tmp_path / "thumbs.jsonl"
    marks = ({"prompt": "Hi", "completion": f"yes {n}", "label": n % 2 == 0} for n in range(6))
    path.write_text("\n".join(map(json.dumps, marks)) + "\n")
    page = use(qtbot, window, path)
    qtbot.waitUntil(lambda: page.preview.rows.model.row_at(1) is not None)
    assert cells(page, 1)[1] == "Nothing is learned from it with this goal."
    assert cells(page, 2)[1] == "Hi"


def test_a_column_that_nothing_reads_becomes_the_context_with_one_click(
    qtbot: QtBot, window: MainWindow, tmp_path: Path
) -> None:
    path = tmp_path / "notes.jsonl"
    rows = ({"question": f"What is {n}?", "notes": f"Count {n * 'x'} of them all.", "answer": str(n)} for n in range(9))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    page = use(qtbot, window, path, "problems")
    problems, old_run = page.preview.problems, window.draft.run
    assert problems.current is not None and problems.current.code == "unread-column"
    assert problems.use_context.isVisible() and problems.map.isVisible()
    problems.use_context.click()
    assert page.columns.isVisible()
    assert page.columns.menus["input"].currentText() == "notes"
    assert page.columns.menus["question"].currentText() == "question"
    qtbot.waitUntil(lambda: window.draft.run != old_run)
    assert differing(old_run, window.draft.run) == {"data.columns"}
    assert window.draft.run.data.columns == ("question=question", "input=notes", "answer=answer")
    qtbot.waitUntil(lambda: page.scanned is not None and page.scanned.problems == {})
    assert page.head is not None
    assert page.columns.menus["input"].findText("notes") > 0
    assert page.head.examples[2].messages is not None
    assert page.head.examples[2].messages[0]["content"] == "Count xx of them all.\n\nWhat is 2?"


def test_conversations_have_no_place_for_context(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    path = tmp_path / "chat.jsonl"
    turns = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yo"}]
    rows = ({"messages": turns, "notes": f"A note of some words, number {n}"} for n in range(9))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    problems = use(qtbot, window, path, "problems").preview.problems
    codes = [finding.code for finding in problems.findings]
    problems.table.selectRow(codes.index("unread-column"))
    assert problems.map.isVisible() and not problems.use_context.isVisible()


def test_a_question_named_input_is_not_its_own_context(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({"input": "Hi", "output": "Yo"}) + "\n")
    page = use(qtbot, window, path)
    page.file.change.click()
    assert page.columns.menus["question"].currentText() == "input"
    assert page.columns.menus["input"].currentText() == "–"


def test_lengths_never_says_that_the_model_is_missing_while_it_is_there(
    qtbot: QtBot, window: MainWindow, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lengths = window.wizard.data.preview.lengths
    told: list[str] = []
    monkeypatch.setattr(lengths.histogram, "show_empty", told.append)
    use(qtbot, window, dataset, "lengths")
    qtbot.waitUntil(lambda: lengths.lengths is not None and lengths.lengths.is_complete, timeout=20_000)
    assert told
    assert not [sentence for sentence in told if "not on this computer" in sentence]
