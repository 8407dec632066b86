"""Import what the window will soon need, on a task's thread, before anybody waits for it."""


def warm_up() -> None:
    """Import what reads data and what shows a run, so that the first file and the first run's page open at once."""
    import core.data.preview.page
    import core.data.preview.scan  # noqa: F401
    from app.plots.panel import import_charts

    import_charts()
