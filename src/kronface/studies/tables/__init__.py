"""The paper's Tables 1 and 2, run again: every method on the same data, through the same protocol."""
