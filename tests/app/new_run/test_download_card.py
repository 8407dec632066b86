"""The card of a download says how far it is in the window's language."""

from pytestqt.qtbot import QtBot

from app.desktop import language
from app.new_run.download_card import DownloadCard
from core.events import Phase
from core.text.sentence import join, say


def test_progress_in_german_is_without_the_name_of_the_model(qtbot: QtBot) -> None:
    card = DownloadCard()
    qtbot.addWidget(card)
    card.model_id = "maker/Small"
    done = say("{done:,.1f} of {total:,.1f} MB", done=9.4, total=21.1)
    size = join((done, say("the connection broke; trying again")), ", ")
    language.use("de")
    try:
        card._show_progress(Phase("Downloading", say("{name}: {size}", name="maker/Small", size=size), 0.4))
    finally:
        language.use("en")
    assert card.sentence.text() == "9,4 von 21,1 MB, Verbindung abgerissen; neuer Versuch"
