"""A combo box over the actions of a menu: one choice, at two places."""

from PySide6.QtGui import QActionGroup

from app.widgets.combo_box import ComboBox


class ActionCombo(ComboBox):
    """Offers the actions of an exclusive group. Choosing one triggers it; one chosen in the menu is seen here."""

    def __init__(self, name: str, group: QActionGroup) -> None:
        super().__init__(name)
        self._group = group
        for action in group.actions():
            self.addItem(action.text().replace("&", ""))
        self._show_chosen()
        group.triggered.connect(self._show_chosen)
        self.activated.connect(self._choose)

    def _choose(self, index: int) -> None:
        self._group.actions()[index].trigger()

    def _show_chosen(self) -> None:
        chosen = self._group.checkedAction()
        if chosen is not None:
            self.setCurrentIndex(self._group.actions().index(chosen))
