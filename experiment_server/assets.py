"""The built front end's files, gzipped where the browser takes that."""

from __future__ import annotations

import mimetypes
from pathlib import Path

import flask
from werkzeug.security import safe_join


class WithAssets(flask.Flask):
    """An application that hands out ``app.js.gz``, where there is one, for ``app.js``."""

    def send_static_file(self, filename: str) -> flask.Response:
        """A file of the static folder; 404 if there is none."""
        packed = safe_join(self.static_folder or "", f"{filename}.gz")
        takes_it = flask.request.accept_encodings["gzip"] > 0
        if packed is None or not takes_it or not Path(packed).is_file():
            return super().send_static_file(filename)
        kind = mimetypes.guess_type(filename)[0]
        response = flask.send_from_directory(self.static_folder or "", f"{filename}.gz", mimetype=kind)
        response.headers["Content-Encoding"] = "gzip"
        response.vary.add("Accept-Encoding")
        return response
