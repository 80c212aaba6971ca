"""What the service does with the rules."""
