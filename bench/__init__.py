"""How the service stands against the practical limit of its stack: only ratios within one interleaved run mean anything."""
