"""Tokenize: an example through the chat template to tokens, and the mask of the tokens that are learned."""
