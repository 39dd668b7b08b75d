"""The description of the API (OpenAPI 3.1), made from the table of routes and the models that its rows name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from gateway.api.problem import TITLES, ProblemDetails
from gateway.api.route import Route
from gateway.api.values import MOST
from models.api_token import SCOPES

ALWAYS = (400, 401, 403, 422, 429, 500, 503)
"""What every route may answer."""
_REF = "#/components/schemas/{model}"


def document(routes: Sequence[Route], prefix: str) -> dict[str, Any]:
    """The whole description."""
    wanted: list[tuple[type[BaseModel], JsonSchemaMode]] = [(ProblemDetails, "serialization")]
    for route in routes:
        wanted += [(route.answer, "serialization")] if route.answer else []
        wanted += [(route.body, "validation")] if route.body else []
    wanted = list(dict.fromkeys(wanted))
    places, schemas = models_json_schema(wanted, ref_template=_REF)
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(prefix + route.path, {})[route.method.lower()] = _operation(route, places)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Guichet",
            "version": "1",
            "description": "Tickets of every channel. Bearer tokens are made by `guichet tokens add`. See docs/api.md.",
        },
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "Scopes: " + "; ".join(f"`{scope}`: {what}" for scope, what in SCOPES.items()) + ".",
                }
            },
        },
    }


def _operation(route: Route, places: Any) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": f"{route.method.lower()}_{route.handle.__module__.rpartition('.')[2]}_{route.handle.__name__}",
        "summary": route.summary,
        "description": f"{route.notes} Scope: `{route.scope}`; right: `{route.permission}`.".strip(),
        "tags": [route.group],
        "parameters": [*_path_parameters(route), *_query_parameters(route), *_headers(route)],
        "responses": _responses(route, places),
    }
    if route.body is not None:
        schema = places[route.body, "validation"]
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    return operation


def _path_parameters(route: Route) -> list[dict[str, Any]]:
    names = [step[1:-1] for step in route.path.split("/") if step.startswith("{")]
    schema = {"type": "integer", "minimum": 1, "maximum": MOST}
    return [{"name": name, "in": "path", "required": True, "schema": schema} for name in names]


def _query_parameters(route: Route) -> list[dict[str, Any]]:
    described = route.query.model_json_schema()
    if "$defs" in described:
        raise TypeError(f"{route.query.__name__} must be flat")
    return [
        {"name": name, "in": "query", "required": False, "schema": _without_null(schema)}
        for name, schema in described.get("properties", {}).items()
    ]


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A query has no null: what may be left out is simply not there."""
    options = [option for option in schema.get("anyOf", ()) if option.get("type") != "null"]
    rest = {key: value for key, value in schema.items() if key not in ("anyOf", "title", "default")}
    if schema.get("default") not in (None, []):
        rest["default"] = schema["default"]
    return {**rest, **(options[0] if len(options) == 1 else {})}


def _headers(route: Route) -> list[dict[str, Any]]:
    def header(name: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
        return {"name": name, "in": "header", "required": False, "description": description, "schema": schema}

    found = []
    if not route.reads:
        key = {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,255}$"}
        found.append(header("Idempotency-Key", "The same again within 24 hours gets the same answer.", key))
    if route.tagged:
        name = "If-None-Match" if route.reads else "If-Match"
        found.append(header(name, "An ETag.", {"type": "string", "pattern": '^"[0-9a-f]{32}"$'}))
    return found


def _responses(route: Route, places: Any) -> dict[str, Any]:
    content: dict[str, Any] = {"application/octet-stream": {}}
    if route.answer is not None:
        content = {"application/json": {"schema": places[route.answer, "serialization"]}}
    found: dict[str, Any] = {str(route.status): {"description": "Done.", "content": content}}
    for status, meaning in route.also.items():
        found[str(status)] = {"description": meaning, "content": content}
    if route.tagged and route.reads:
        found["304"] = {"description": "It is as you know it."}
    refusals = {*ALWAYS, *route.refusals, *({408, 413, 415} if route.body else ())}
    problem = {"application/problem+json": {"schema": places[ProblemDetails, "serialization"]}}
    for status in sorted(refusals):
        found[str(status)] = {"description": TITLES[status][1], "content": problem}
    return found
