"""Integrations with servers and frameworks: one file each, over the public names only."""
