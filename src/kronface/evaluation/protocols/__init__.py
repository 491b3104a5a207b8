"""The field's protocols: which images are compared with which, and what is counted."""
