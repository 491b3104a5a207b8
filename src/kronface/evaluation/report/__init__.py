"""Results files as a page for people."""
