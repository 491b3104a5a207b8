"""A trained network at work: faces to embeddings and attributes, data sets to results, photographs to people."""
