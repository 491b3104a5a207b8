"""`kronface reproduce`: one command per part of the paper."""
