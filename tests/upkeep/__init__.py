"""Backups, restores, and what the doctor finds."""
