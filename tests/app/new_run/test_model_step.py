"""The Model page: recommended models, what is on this computer, the Hub's search, and a download that can be paused."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtGui import QDesktopServices
from pytestqt.qtbot import QtBot

from app.desktop import preferences
from app.new_run import download_card
from app.new_run.memory_fit import FITS, TIGHT, TOO_BIG, MemoryFit
from app.new_run.model_cards import recommend
from app.new_run.model_step import ModelStep
from app.shell.window import MainWindow
from app.threads.model_library import candidates
from core import hub_token
from core.model import download, hub_search
from core.resources import STARTER
from core.run import Run, runs_folder
from tests.hub_double import HubDouble, connect, model_repository, serve

GB = 1 << 30
FACTS = {
    "tags": ["safetensors", "text-generation", "license:mit"],
    "downloads": 1234,
    "config": {"model_type": "qwen3"},
}


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubDouble]:
    for module in (download, hub_search):
        monkeypatch.setattr(module, "find_token", lambda: None)
    monkeypatch.setattr(download, "LARGE", 100_000)
    monkeypatch.setattr(download, "REPORT_SECONDS", 0)
    repositories = {
        "team/tiny": model_repository(STARTER, facts=FACTS),
        "team/gated": model_repository(STARTER, facts=FACTS, gated=True),
        "mlx-community/odd": model_repository(STARTER, facts=FACTS | {"config": {"model_type": "bitnet"}}),
    }
    with serve(repositories) as server:
        connect(monkeypatch, server.url, tmp_path / "cache")
        yield server


@pytest.fixture
def page(window: MainWindow) -> ModelStep:
    window.wizard.show_named("model")
    return window.wizard.model


def test_a_search_then_a_download_that_is_paused(qtbot: QtBot, page: ModelStep, hub: HubDouble) -> None:
    page.hub.id.setText("tiny")
    page.hub.search_button.click()
    qtbot.waitUntil(lambda: "team/tiny" in page.hub.results.cards, timeout=20_000)
    card = page.hub.results.cards["team/tiny"]
    assert "mit" in card.radio.accessibleDescription() and "1,234 downloads" in card.detail.text()
    hub.cut_offset = 1_000_000  # waits there
    hub.cuts = 0
    hub.hold.clear()
    card.radio.click()
    assert page._draft.run.model.path == "team/tiny"
    qtbot.waitUntil(lambda: page.download.isVisible(), timeout=20_000)
    assert page.blocked_reason() == ""
    page.download.start_button.click()
    qtbot.waitUntil(lambda: page.download.bar.value() > 0, timeout=20_000)
    page.download.pause_button.click()
    assert page.download.state == download_card.PAUSED and page.download.start_button.text() == "Go on"
    hub.hold.set()
    hub.ranges.clear()
    page.download.start_button.click()
    qtbot.waitUntil(lambda: page.download.isHidden(), timeout=20_000)
    assert hub.ranges and hub.ranges[0] != "bytes=0-"
    qtbot.waitUntil(lambda: "Downloaded from" in local_text(page, "team/tiny"), timeout=20_000)


def local_text(page: ModelStep, path: str) -> str:
    return page.cards.cards[path].detail.text() if path in page.cards.cards else ""


def test_a_download_that_is_cancelled_leaves_nothing(
    qtbot: QtBot, page: ModelStep, hub: HubDouble, tmp_path: Path
) -> None:
    hub.cut_offset, hub.cuts = 1_000_000, 0
    hub.hold.clear()
    page.use_model("team/tiny")
    qtbot.waitUntil(lambda: page.download.isVisible(), timeout=20_000)
    page.download.start_button.click()
    qtbot.waitUntil(lambda: bool(list(tmp_path.rglob("*.hone-partial"))), timeout=20_000)
    page.download.cancel_button.click()
    hub.hold.set()
    qtbot.waitUntil(lambda: not list(tmp_path.rglob("*.hone-partial")), timeout=20_000)
    assert page.download.state == download_card.WAITING and "cancelled" in page.download.sentence.text()


def test_a_gated_model_leads_to_its_page_and_to_a_token(
    qtbot: QtBot, page: ModelStep, hub: HubDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(url.toString()))
    page.use_model("team/gated")
    qtbot.waitUntil(lambda: page.download.isVisible(), timeout=20_000)
    assert "Gated: accept its terms on its page" in page.download.sentence.text()
    page.download.page_button.click()
    assert opened == [f"{hub.url}/team/gated"]
    assert page.download.token_button.isVisible()
    page.download.start_button.click()
    qtbot.waitUntil(lambda: page.download.state == download_card.FAILED, timeout=20_000)
    assert page.download.page_button.isVisible()


def test_without_a_network_there_is_one_sentence(qtbot: QtBot, page: ModelStep) -> None:
    page.hub.search_button.click()
    qtbot.waitUntil(lambda: "HF_HUB_OFFLINE" in page.hub.status.text(), timeout=20_000)
    page.use_model("team/tiny")
    qtbot.waitUntil(lambda: page.download.isVisible(), timeout=20_000)
    assert page.blocked_reason() == ""
    page.hub.id.setText("no id")
    page.hub.use_id.click()
    assert "owner/name" in page.hub.status.text()


def test_a_model_that_is_nowhere_and_one_that_cannot_be_trained(qtbot: QtBot, page: ModelStep, hub: HubDouble) -> None:
    page.use_model("team/nothing")
    qtbot.waitUntil(lambda: "named team/nothing" in page.blocked_reason(), timeout=20_000)
    page.hub.scope.buttons["mlx-community"].click()
    qtbot.waitUntil(lambda: list(page.hub.results.cards) == ["mlx-community/odd"], timeout=20_000)
    odd = page.hub.results.cards["mlx-community/odd"]
    assert not odd.radio.isEnabled() and odd.reason.text().startswith("BitNet cannot be trained")


def test_what_is_here_has_a_badge_and_broken_folders_are_told(
    qtbot: QtBot, window: MainWindow, hub: HubDouble, tmp_path: Path
) -> None:
    model_folder = tmp_path / "mine"
    shutil.copytree(STARTER, model_folder)
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "config.json").write_text("{}")
    preferences.remember_model_folder(str(tmp_path / "half"))
    run = runs_folder() / "earlier"
    run.mkdir(parents=True)
    Run().replace("model.path", str(model_folder)).write(run / "run.toml")
    window.wizard.show_named("model")
    page = window.wizard.model
    qtbot.waitUntil(lambda: str(model_folder) in page.cards.cards, timeout=30_000)
    for path in ("starter", str(model_folder)):
        assert page.cards.cards[path].corner.text().startswith("Fits (about "), path
    assert "half is not complete: model.safetensors is missing." in page.problems.text()
    assert 1 <= len(page.recommended.cards) <= 3
    first = next(iter(page.recommended.cards.values()))
    assert "to download once\napache-2.0" in first.radio.accessibleDescription()


def test_the_badge_in_words() -> None:
    fits = MemoryFit("5 to 7 GB", "", 6 * GB, 11 * GB)
    assert (fits.badge, fits.state) == ("Fits (about 6\u00a0GB of 11\u00a0GB)", FITS)
    tight = MemoryFit("8 to 12 GB", "", 10 * GB, 11 * GB)
    assert (tight.badge, tight.state) == ("Tight (about 10\u00a0GB of 11\u00a0GB)", TIGHT)
    packed = MemoryFit("18 to 22 GB", "This needs 20 GB: try 4 bit (nf4).", 20 * GB, 11 * GB)
    assert (packed.badge, packed.state) == ("Too big: try 4 bits", TOO_BIG)
    assert MemoryFit("", "try LoRA.", 20 * GB, 11 * GB).badge == "Too big (about 20\u00a0GB of 11\u00a0GB)"


def test_three_are_recommended_of_those_that_fit() -> None:
    models = candidates(on_policy=False)
    sizes = {model.id: MemoryFit("", "", index * GB, 6 * GB) for index, model in enumerate(models)}
    cards = recommend(models, sizes, {models[0].id})
    assert [card.corner for card in cards] == ["Small", "Medium", "Best that fits"]
    assert cards[0].text.startswith("On this computer") and cards[2].path == models[-1].id
    none = {model.id: MemoryFit("", "too much", 9 * GB, 6 * GB) for model in models}
    assert [(card.path, card.corner) for card in recommend(models, none, set())] == [(models[0].id, "Small")]
    two = {model.id: sizes[model.id] for model in models[:2]}
    assert [card.corner for card in recommend(models, two, set())] == ["Small", "Best that fits"]
    assert recommend(models, {}, set()) == []


def test_a_token_goes_to_the_keychain_and_is_not_shown(
    qtbot: QtBot, page: ModelStep, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.new_run.token_dialog import TokenDialog

    kept: list[str] = []
    monkeypatch.setattr(hub_token, "store_token", lambda token: kept.append(token) or "the system's keychain")
    monkeypatch.setattr(hub_token, "delete_token", lambda: bool(kept) and not kept.clear())
    dialog = TokenDialog(page.window())
    assert not dialog.keep.isEnabled()
    dialog.field.setText("hf_secret")
    assert "hf_secret" not in dialog.field.displayText()
    dialog.keep.click()
    assert dialog.field.text() == ""
    qtbot.waitUntil(lambda: dialog.status.text() == "Kept in the system's keychain.", timeout=10_000)
    assert kept == ["hf_secret"]
    dialog.forget.click()
    qtbot.waitUntil(lambda: dialog.status.text() == "Forgotten.", timeout=10_000)
    assert json.dumps(kept) == "[]"
