"""What is known of a version beyond its record: when its base ends, whence it came, whether it may be deployed."""
