"""New run: the steps from choosing a goal to starting a run, and the decisions behind them."""
