"""Imports of what the window will soon need, on a task's thread, before anybody waits for it."""


def warm_up() -> None:
    """Import the charts, so that the first run's page opens at once, and what tells of a bug."""
    import app.shell.crash_dialog  # noqa: F401
    from app.plots.panel import import_charts

    import_charts()
