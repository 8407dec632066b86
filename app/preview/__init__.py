"""A dataset in four tabs: its rows, one row as the model sees it, the lengths of the rows, and problems in them."""
