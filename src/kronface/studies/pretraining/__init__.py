"""A network that learns from endless rendered people, also taught by another network, until it knows real faces."""
