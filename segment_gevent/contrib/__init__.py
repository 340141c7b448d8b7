"""Integrations with servers and frameworks: one module each, over the public names and the request context."""
