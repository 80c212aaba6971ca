"""FranceConnect and ProConnect to try the service on: OpenID providers with test people, for development and tests only.

Nothing here keeps a secret: anybody signs in as anybody, with the password `123`. Everything is in the memory of one process.
"""
