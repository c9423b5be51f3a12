"""More inputs like a user's own: written by a teacher from seeds, kept apart from what is held out, and labelled."""
