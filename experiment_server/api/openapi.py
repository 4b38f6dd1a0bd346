"""The OpenAPI 3.1 document, generated from the views' descriptions and the schemas."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Any

import flask
from pydantic import BaseModel, ValidationError
from pydantic.json_schema import JsonSchemaMode, models_json_schema
from werkzeug.routing import Rule

from experiment_server.api import schemas
from experiment_server.api.operation import Operation

REFERENCE = "#/components/schemas/{model}"
#: refusals that say after how many seconds the same request may succeed
RETRYABLE = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
RETRY_AFTER = {"Retry-After": {"required": True, "schema": {"type": "integer", "minimum": 1}}}
PARAMETERS = {
    "study": {"type": "string", "pattern": "^[a-z0-9][a-z0-9-]{0,62}$"},
    "trial": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
    "picture": {"type": "string", "pattern": "^[0-9a-f]{128}$"},
}


def document(app: flask.Flask) -> dict[str, Any]:
    """Describe every route of the API blueprint."""
    found = [(rule, app.view_functions[rule.endpoint]) for rule in app.url_map.iter_rules()]
    described = [(rule, view.operation) for rule, view in found if hasattr(view, "operation")]
    paths: dict[str, Any] = {}
    for rule, operation in sorted(described, key=lambda pair: pair[0].rule):
        methods = (rule.methods or set()) - {"HEAD", "OPTIONS"}
        path = re.sub(r"<(\w+)>", r"{\1}", rule.rule)
        paths.setdefault(path, {}).update(
            {method.lower(): _operation(rule, operation) for method in sorted(methods)}
        )
    return {
        "openapi": "3.1.0",
        "info": {"title": "InterpScore participant API", "version": "1"},
        "paths": paths,
        "components": {
            "schemas": _schemas([operation for _, operation in described]),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(rule: Rule, operation: Operation) -> dict[str, Any]:
    path = [
        {"name": name, "in": "path", "required": True, "schema": PARAMETERS[name]}
        for name in sorted(rule.arguments)
    ]
    described: dict[str, Any] = {
        "operationId": rule.endpoint.rpartition(".")[2],
        "summary": operation.summary,
        "parameters": [*path, *operation.query],
        "responses": {
            **{str(status): _reply(status, kind) for status, kind in operation.replies.items()},
            **{str(status): _reply(status, schemas.Error) for status in operation.errors},
        },
        "security": [{"token": []}] if operation.token else [],
    }
    if operation.body is not None:
        content = {"application/json": {"schema": _reference(operation.body)}}
        described["requestBody"] = {"required": _is_needed(operation.body), "content": content}
    return described


def _is_needed(body: type[BaseModel]) -> bool:
    """Whether a request may not do without its body: one that has only defaults stands for itself."""
    try:
        body.model_validate({})
    except ValidationError:
        return True
    return False


def _reply(status: int, kind: type[BaseModel] | str | None) -> dict[str, Any]:
    described: dict[str, Any] = {"description": HTTPStatus(status).phrase}
    if status in RETRYABLE:
        described["headers"] = RETRY_AFTER
    if isinstance(kind, str):
        described["content"] = {kind: {}}
    elif kind is not None:
        described["content"] = {"application/json": {"schema": _reference(kind)}}
    return described


def _reference(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": REFERENCE.format(model=model.__name__)}


def _schemas(operations: list[Operation]) -> dict[str, Any]:
    """The schemas of all bodies, of all replies, and what these are made of."""
    bodies = {one.body: None for one in operations if one.body is not None}
    kinds = [kind for one in operations for kind in one.replies.values()] + [schemas.Error]
    replies = {kind: None for kind in kinds if isinstance(kind, type)}
    wanted: list[tuple[type[BaseModel], JsonSchemaMode]] = [(body, "validation") for body in bodies]
    wanted += [(kind, "serialization") for kind in replies]
    _, definitions = models_json_schema(wanted, ref_template=REFERENCE)
    found: dict[str, Any] = definitions["$defs"]
    return found
