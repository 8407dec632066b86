"""Texts for people: sentences that can be said in another language, and lists as a person types them."""
