"""The plainest Flask application, served by the same gunicorn as ours: what the machine can do today.

    python tests/benchmarks/yardstick_server.py FOLDER

``/constant`` takes a body and answers the same JSON; ``/pictures/NAME`` sends a file of the folder.
"""

from __future__ import annotations

import sys
from pathlib import Path

import flask

from experiment_server.serving import Serving, address_of, listen
from experiment_server.settings import Settings


class Yardstick(Serving):
    """Our server without our application."""

    folder = Path()

    def load(self) -> flask.Flask:
        """Make the application, in a worker."""
        app = flask.Flask(__name__)
        app.add_url_rule("/constant", "constant", self.constant, methods=["POST"])
        app.add_url_rule("/pictures/<name>", "picture", self.picture)
        return app

    def constant(self) -> flask.Response:
        """The same for every body."""
        flask.request.get_data()
        return flask.Response('{"answered": 1}', mimetype="application/json")

    def picture(self, name: str) -> flask.Response:
        """A file of the folder, the way Flask has it."""
        return flask.send_file(self.folder / name, mimetype="image/png", max_age=3600)


def main() -> None:
    """Serve until told to stop; the first line printed is the address."""
    listener = listen("127.0.0.1", 0)
    address = address_of(listener)
    Yardstick.folder = Path(sys.argv[1])
    Yardstick(Settings(), listener, 2, lambda: print(address, flush=True)).run()


if __name__ == "__main__":
    main()
