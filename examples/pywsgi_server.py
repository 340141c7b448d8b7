"""python examples/pywsgi_server.py: gevent's own server, which SIGTERM ends only after everything was delivered."""

from gevent import monkey

monkey.patch_all()

import os  # noqa: E402

from app import application  # noqa: E402
from gevent.pywsgi import WSGIServer  # noqa: E402

import segment_gevent as segment  # noqa: E402

if __name__ == "__main__":
    server = WSGIServer(("127.0.0.1", int(os.environ.get("PORT", "8000"))), application)
    server.start()
    segment.install_signal_handlers()
    print(f"Listening at http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
