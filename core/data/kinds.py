"""The kinds of data that a method can ask for: what one example holds. Imports nothing."""

TEXT = "text"  # conversations, prompt and completion, or plain text
PAIRS = "pairs"  # preference pairs: a prompt with a chosen and a rejected answer
UNPAIRED = "thumbs"  # a prompt with one answer marked good or bad
QUESTIONS = "questions"  # a prompt whose answer can be checked
