"""The version, under the name that the official client has for it."""

from segment_gevent.version import __version__

VERSION = __version__
