"""How good the answers are: one metric a file, macro averages, comparisons. A failed call is never a score."""
