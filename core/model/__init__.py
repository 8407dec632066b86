"""The language model: finding, loading, its one forward pass, generating, saving."""
