"""Find and mask secrets and personal data in rows; no text leaves this machine."""
