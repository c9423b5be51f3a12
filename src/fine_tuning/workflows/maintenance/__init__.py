"""Keeping a workspace: backups, and a look at whether all is well."""
