"""The rules of the account service: what a profile, a username, a proof or a consent is. No I/O, no framework."""
