"""The formulas that training minimises, as functions."""
