"""`kronface evaluate`: how well a network knows people, one file per protocol."""
