"""Tokenize: an example through the chat template into tokens, and the mask of those that are learned."""
