"""The command line: one file per command; a function's signature is its options, its help and its YAML schema."""
