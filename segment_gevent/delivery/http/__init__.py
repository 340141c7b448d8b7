"""HTTP as the first send needs it: requests and urllib3 over gevent sockets. Imported with that send."""
