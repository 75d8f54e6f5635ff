"""What is computed of one run beside its record: one file a kind; `compute` holds the parts that need torch."""
