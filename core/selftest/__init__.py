"""Does everything work on this machine? Each part is tried once, small: a product, each kernel, a step, an answer."""
