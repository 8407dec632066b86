"""Help: the pages in resources/help, which resources/make/help.py generates from the code's own descriptions."""

from PySide6.QtCore import QEvent, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QDialog, QTextBrowser, QWidget

from app.desktop.language import tr
from app.style import theme
from app.widgets.card import Card, vbox
from app.widgets.focus_ring import FocusRing
from app.widgets.scrollbar import use_thin_scrollbars
from app.widgets.tab_order import TabOrder
from app.widgets.tabs import Tabs
from core.resources import FOLDER

PAGES = {
    "methods.md": tr("Methods"),
    "data.md": tr("Data"),
    "options.md": tr("Options"),
    "models.md": tr("Models"),
    "precision.md": tr("Base precision"),
    "rewards.md": tr("Rewards"),
    "results.md": tr("Using a result"),
    "machines.md": tr("Several machines"),
}


class _Browser(FocusRing, QTextBrowser):
    """Shows the keyboard's focus: it scrolls with the arrows, and Tab goes from link to link."""

    follows_clicks = True


class HelpWindow(TabOrder, QDialog):
    """A tab for each page; a link from one page to another shows that tab."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Hone help"))
        self.resize(1080, 720)
        self._browsers: list[QTextBrowser] = []
        layout = vbox(self, theme.MARGIN, theme.GRID)
        self.tabs = Tabs(tr("Pages of the help"))
        layout.addWidget(self.tabs)
        self.pages = {name: self.tabs.add(title, self._build_page(name)) for name, title in PAGES.items()}

    def show_page(self, name: str) -> None:
        """Show one of PAGES."""
        self.tabs.show_page(self.pages[name])

    def _build_page(self, name: str) -> QWidget:
        browser = _Browser()
        browser.setFrameShape(QTextBrowser.Shape.NoFrame)
        browser.setOpenLinks(False)
        browser.setAccessibleName(PAGES[name])
        browser.anchorClicked.connect(self._follow_link)
        use_thin_scrollbars(browser)
        # Qt draws the lines of a table only where the document asks for them.
        browser.document().setDefaultStyleSheet("td, th { padding: 4px 8px; }")
        browser.setProperty("page", name)
        _fill(browser)
        self._browsers.append(browser)
        card = Card()
        vbox(card, 12).addWidget(browser)
        return card

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:  # a document keeps the colours that its links were made with
            for browser in self._browsers:
                _fill(browser)

    def _follow_link(self, url: QUrl) -> None:
        if url.path() in PAGES:
            self.show_page(url.path())
        elif url.scheme() == "https":
            QDesktopServices.openUrl(url)


def _fill(browser: QTextBrowser) -> None:
    """Write a page with links in the colours of now, and stay where the person has scrolled to."""
    place = browser.verticalScrollBar().value()
    browser.setMarkdown((FOLDER / "help" / str(browser.property("page"))).read_text(encoding="utf-8"))
    browser.verticalScrollBar().setValue(place)
