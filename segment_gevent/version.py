"""The version, in the one place that setup.py, the User-Agent and `context.library` read it from."""

__version__ = "1.0.0"
