"""The language model: finding, downloading and loading it, its one forward pass, and generating text."""
