"""A dataset in four tabs: its rows, what the model sees of one, how long they are, what is wrong with them."""
