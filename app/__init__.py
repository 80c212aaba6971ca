"""What the service does with the rules."""

__version__ = "0.1.0"
