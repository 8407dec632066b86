"""From a person's file to what the model sees: read, format, check, tokenize, batch; and the preview of all that."""
