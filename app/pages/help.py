"""Help: the pages in resources/help, which are made from what the code says of itself."""

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QDialog, QTextBrowser, QWidget

from app.style import theme
from app.widgets.card import Card, column
from app.widgets.scrollbar import thin
from app.widgets.tabs import Tabs
from core.resources import FOLDER

PAGES = {
    "methods.md": "Methods",
    "options.md": "Options",
    "models.md": "Models",
    "precision.md": "Base precision",
    "rewards.md": "Rewards",
}


class HelpWindow(QDialog):
    """A tab for each page; a link from one page to another shows that tab."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Hone help")
        self.resize(1080, 720)
        layout = column(self, theme.MARGIN, theme.GRID)
        self.tabs = Tabs("Pages of the help")
        layout.addWidget(self.tabs)
        self.pages = {name: self.tabs.add(title, self._page(name)) for name, title in PAGES.items()}

    def show_page(self, name: str) -> None:
        """Show one of PAGES."""
        self.tabs.show_page(self.pages[name])

    def _page(self, name: str) -> QWidget:
        text = QTextBrowser()
        text.setFrameShape(QTextBrowser.Shape.NoFrame)
        text.setOpenLinks(False)
        text.setAccessibleName(PAGES[name])
        text.anchorClicked.connect(self._follow)
        thin(text)
        # Qt draws the lines of a table only where the document asks for them.
        text.document().setDefaultStyleSheet("td, th { padding: 4px 8px; }")
        text.setMarkdown((FOLDER / "help" / name).read_text(encoding="utf-8"))
        card = Card()
        column(card, 12).addWidget(text)
        return card

    def _follow(self, url: QUrl) -> None:
        if url.path() in PAGES:
            self.show_page(url.path())
        elif url.scheme() == "https":
            QDesktopServices.openUrl(url)
