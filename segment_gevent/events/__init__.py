"""Messages and batches, pure: no gevent, no clock, no files, no network; ids and times come in as arguments."""
