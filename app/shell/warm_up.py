"""Imports of what the window will soon need, on a task's thread, before anybody waits for it."""


def warm_up() -> None:
    """Import the readers of data and the charts, so that the first file and the first run's page open at once."""
    import app.shell.crash_dialog  # noqa: F401
    import core.data.preview.page
    import core.data.preview.scan  # noqa: F401
    from app.plots.panel import import_charts

    import_charts()
