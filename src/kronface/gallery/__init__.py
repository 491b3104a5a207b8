"""The store of enrolled people: enrol, identify, list, forget."""
