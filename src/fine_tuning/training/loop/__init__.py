"""The training loop: files in, weights out. It knows nothing of jobs or databases."""
