"""What may replace the incumbent: a model as it is, a prompt with examples, a classifier head, a cascade."""
