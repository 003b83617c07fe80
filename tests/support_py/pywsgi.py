"""pywsgi -- serve MODULE:APP by gevent's own WSGI server:  python pywsgi.py MODULE:APP PORT.

An APP that ends in "()" is called first. Gevent has no command for this.
"""

from gevent import monkey

monkey.patch_all()  # before anything else is imported, as gevent asks

import importlib  # noqa: E402 see above
import sys  # noqa: E402

from gevent.pywsgi import WSGIServer  # noqa: E402


def main() -> None:
    """Serve until a signal ends the process."""
    module, _, name = sys.argv[1].partition(":")
    app = getattr(importlib.import_module(module), name.removesuffix("()"))
    if name.endswith("()"):
        app = app()
    WSGIServer(("127.0.0.1", int(sys.argv[2])), app, log=None).serve_forever()


if __name__ == "__main__":
    sys.path.insert(0, "")
    main()
