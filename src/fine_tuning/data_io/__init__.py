"""Data in and out: rows of any file or table (`sources`), and a file per vendor's or tool's format (`formats`)."""
