"""The training loop: files in, weights out. It opens no database and no workspace."""
