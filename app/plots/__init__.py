"""Charts. Only this folder imports pyqtgraph, and nothing imports this folder before a run is shown."""
