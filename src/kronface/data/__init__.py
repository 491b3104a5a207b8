"""Face data sets as one table of records, and the Dataset that training reads."""
