"""Other models beside the one in training: the reference of a preference method, the teacher of a distillation."""
