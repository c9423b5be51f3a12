"""Shared helpers: argument checks, files, locks, hosts, encodings, HTML, lazy imports."""
