"""Each module makes one outside thing speak the domain's language."""
