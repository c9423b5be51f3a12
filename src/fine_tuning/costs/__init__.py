"""What training and calls cost, and what they save."""
