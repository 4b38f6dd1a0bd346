"""Requests that no browser sends: by address, by body, and byte by byte."""

from __future__ import annotations

from hypothesis import strategies as st

_CAPITALS = ["GET", "GET", "POST", "POST", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT"]
_KNOWN = [
    *("/", "*", "/healthz", "/s/small", "/s/small/credits", "/static/app.js", "/static/../secret_key"),
    *("/api/v1", "/api/v1/openapi.json", "/api/v1/studies/small/sessions", "/api/v1/session"),
    *("/api/v1/session/trials", "/api/v1/session/consent", "/api/v1/session/finish"),
]
_PREFIXES = ["/", "//", "/s/", "/s/small/", "/static/", "/healthz/", "/api/v1/pictures/", "/api/v1/trials/"]
_HEADERS = [
    *("AUTHORIZATION", "HOST", "ORIGIN", "SEC_FETCH_SITE", "RANGE", "IF_NONE_MATCH", "IF_MODIFIED_SINCE"),
    *("COOKIE", "ACCEPT", "EXPECT", "TRANSFER_ENCODING", "CONTENT_ENCODING", "X_FORWARDED_FOR", "X_ODD"),
]
_VALUES = [
    *("Bearer " + "0" * 24 + "." + "A" * 43, "Basic Og==", "http://[", "null", "cross-site", "bytes=9-1"),
    *("chunked", "gzip", '"', "Thu, 99 Foo 9999", "100-continue"),
]
_KINDS = ["application/json", "text/plain", "multipart/form-data; boundary=x", "\xff;=\x00", ""]
_BODIES = [
    b"",
    b"[" * 30_000,
    b'{"a":' * 6_000,
    b'{"client": ' + b'{"a":[' * 400 + b"1" + b"]}" * 400 + b"}",
    b'{"consented": true, "consented": false}',
    b'{"rt_ms": 1e400, "dropped_frames": -0, "client": {"a": 1E+999}}',
    b'{"dropped_frames": ' + b"9" * 5_000 + b"}",
    b'{"client": {"a": ' + b"9" * 1_900 + b"}}",
    b'{"response": "\\ud800", "client": {"\\udfff": "\\u0000"}}',
    b'{"response": "\xff\xfe"}',
    b"\xef\xbb\xbf{}",
    b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--x--",
    b"x" * 40_000,
]

#: what a server hands over of bytes that are in no encoding
latin = st.binary(max_size=60).map(lambda data: data.decode("latin-1"))
methods = st.sampled_from([*_CAPITALS, "get", "\xe9"])
known_addresses = st.sampled_from(_KNOWN)
odd_names = latin | st.sampled_from(["\x00", "small\x00", "..", "\xed\xa0\x80", "a" * 64, "%00", "small\n"])
addresses = known_addresses | st.builds(str.__add__, st.sampled_from(_PREFIXES), odd_names)
queries = st.sampled_from(["", "\n", "limit=3", "limit=1&limit=x", "&".join(["limit=9"] * 900)]) | latin
headers = st.dictionaries(st.sampled_from(_HEADERS), latin | st.sampled_from(_VALUES), max_size=4)
lengths = st.none() | st.sampled_from(["", "-1", "0", "7", "1e3", "9" * 30, "\xb2"])
kinds = st.sampled_from(_KINDS)
bodies = st.sampled_from(_BODIES) | st.binary(max_size=200)

_HTTP = b" HTTP/1.1\r\nHost: x\r\n"
_END = b"\r\n\r\n"
_GET = b"GET /healthz" + _HTTP
_FINISH = b"POST /api/v1/session/finish" + _HTTP
_CHUNKED = b"POST /api/v1/studies/small/sessions" + _HTTP + b"Transfer-Encoding: chunked" + _END

#: what is sent over a connection of its own
RAW: dict[str, bytes] = {
    "nothing": _END,
    "no version": b"GET /healthz" + _END,
    "another version": b"GET /healthz HTTP/9.9\r\nHost: x" + _END,
    "another protocol": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 64,
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM" + _END,
    "a proxy's request": b"GET http://elsewhere.example/healthz" + _HTTP + b"\r\n",
    "an absolute address without a host": b"GET http:///healthz" + _HTTP + b"\r\n",
    "CONNECT": b"CONNECT elsewhere.example:443" + _HTTP + b"\r\n",
    "OPTIONS *": b"OPTIONS *" + _HTTP + b"\r\n",
    "TRACE": b"TRACE /api/v1/session" + _HTTP + b"\r\n",
    "a method of its own": b"BREW /s/small" + _HTTP + b"\r\n",
    "no host": b"GET /s/small HTTP/1.1" + _END,
    "half a host": b"GET /s/small HTTP/1.1\r\nHost: [::1" + _END,
    "two hosts": b"GET /s/small HTTP/1.1\r\nHost: a\r\nHost: b" + _END,
    "NUL in the path": b"GET /s/\x00" + _HTTP + b"\r\n",
    "encoded bytes that are no text": b"GET /s/%00%ff%ed%a0%80" + _HTTP + b"\r\n",
    "bytes in the path": b"GET /s/\xff\xfe" + _HTTP + b"\r\n",
    "up and out": b"GET /static/../../../../etc/passwd" + _HTTP + b"\r\n",
    "up and out, encoded": b"GET /static/%2e%2e%2f%2e%2e%2fsettings.py" + _HTTP + b"\r\n",
    "a slash too many": b"GET //s/small?%0d%0a" + _HTTP + b"\r\n",
    "a long path": b"GET /" + b"a" * 20_000 + _HTTP + b"\r\n",
    "a long header": _GET + b"X-Long: " + b"a" * 60_000 + _END,
    "many headers": _GET + b"X-Many: 1\r\n" * 5_000 + b"\r\n",
    "many parameters": b"GET /api/v1/session/trials?" + b"limit=3&" * 400 + _HTTP + b"\r\n",
    "a folded header": _GET + b"X-Fold: a\r\n b" + _END,
    "a nameless header": _GET + b": a" + _END,
    "a header with bytes": b"GET /api/v1/session" + _HTTP + b"Authorization: Bearer \xff\x80" + _END,
    "a header with an underscore": _GET + b"X_Forwarded_For: 1" + _END,
    "a script's name": b"GET /s/small" + _HTTP + b"SCRIPT_NAME: /elsewhere" + _END,
    "a range beyond the end": b"GET /static/app.js" + _HTTP + b"Range: bytes=99999999-" + _END,
    "an expectation": _FINISH + b"Expect: teapot\r\nContent-Length: 0" + _END,
    "a length of letters": _FINISH + b"Content-Length: ten" + _END,
    "a negative length": _FINISH + b"Content-Length: -1" + _END,
    "two lengths": _FINISH + b"Content-Length: 2\r\nContent-Length: 3" + _END + b"{}",
    "a length that lies": _FINISH + b"Content-Length: 50" + _END + b"{}",
    "a huge length": _FINISH + b"Content-Length: 99999999999" + _END + b"{}",
    "chunks": _CHUNKED + b"2\r\n{}\r\n0" + _END,
    "chunks of no length": _CHUNKED + b"zz\r\n{}\r\n",
    "chunks cut off": _CHUNKED + b"ff\r\n{",
    "chunks that are too much": _CHUNKED + b"ffff\r\n" + b"x" * 0xFFFF + b"\r\n0" + _END,
    "chunks and a length": _FINISH
    + b"Content-Length: 2\r\nTransfer-Encoding: chunked"
    + _END
    + b"2\r\n{}\r\n0"
    + _END,
    "an unknown coding": _FINISH + b"Transfer-Encoding: gzip" + _END + b"{}",
    "two at once": (_GET + b"\r\n") * 2,
}

#: one of these with something cut out and something put in, or any bytes at all
mangled = st.binary(max_size=300) | st.builds(
    lambda data, at, lost, added: data[:at] + added + data[at + lost :],
    st.sampled_from(list(RAW.values())),
    st.integers(0, 120),
    st.integers(0, 6),
    st.binary(max_size=6),
)
