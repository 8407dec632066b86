"""From a person's file to what the model sees: read, recognise, template, mask, batch, inspect."""
