"""Rendered people: faces of persons who do not exist, with exact identity, attributes and landmarks."""
