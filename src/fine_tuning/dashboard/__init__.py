"""The dashboard: the facades of the package in a browser."""
