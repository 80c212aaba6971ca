"""PostgreSQL behind the storage ports: one file a port, every statement named and built once."""
