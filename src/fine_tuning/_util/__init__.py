"""Helpers without a subject of their own: argument checks, files, locks, hosts, encodings, HTML, lazy imports."""
