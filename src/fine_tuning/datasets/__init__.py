"""From captured calls to a frozen data set: validation, formats, near-duplicates, splits, files."""
