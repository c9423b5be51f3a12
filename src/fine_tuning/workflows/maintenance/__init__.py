"""Maintenance of a workspace: backup, restore, and a check for problems."""
