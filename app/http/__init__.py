"""Litestar stays in here."""
