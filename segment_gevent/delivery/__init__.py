"""From a waiting message to its fate: the only package that knows gevent, requests and files."""
