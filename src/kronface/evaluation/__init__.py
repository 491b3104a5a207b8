"""How well: arrays in, results out."""
