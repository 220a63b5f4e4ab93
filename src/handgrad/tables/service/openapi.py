"""OpenAPI description of a service, made from the columns of its model."""

from collections.abc import Mapping

from handgrad.tables.runs.table_model import TableModel
from handgrad.tables.service.rows import RowPredictor
from handgrad.textbook.version import __version__

Schema = Mapping[str, object]
JSON = "application/json"
CELL: Schema = {"type": ["string", "number", "boolean", "null"]}
REFUSALS = {
    400: "The body is not JSON",
    408: "The body did not arrive in time",
    413: "The body is too long",
    415: "The content type is not application/json",
    422: "The rows do not fit the model",
    503: "Too many requests at once",
}
COVERAGE: Schema = {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}


def openapi(model: TableModel, predictor: RowPredictor, most_rows: int) -> Schema:
    """OpenAPI 3.1 document of `/predict` and `/health`."""
    request = {"required": True, "content": {JSON: {"schema": _request(predictor, most_rows)}}}
    return {
        "openapi": "3.1.0",
        "info": {"title": f"Predictions of {model.predicted or 'a model'}", "version": __version__},
        "paths": {
            "/predict": {
                "post": {
                    "summary": "Predict rows of a table",
                    "requestBody": request,
                    "responses": _responses(),
                }
            },
            "/health": {
                "get": {
                    "summary": "Say whether the service answers",
                    "responses": {"200": _response("It answers", {"type": "object"})},
                }
            },
        },
    }


def _request(predictor: RowPredictor, most_rows: int) -> Schema:
    cells = {name: {**CELL, **schema} for name, schema in predictor.cells().items()}
    rows: Schema = {
        "type": "array",
        "minItems": 1,
        "maxItems": most_rows,
        "items": {"type": "object", "properties": cells},
    }
    probabilities = {"type": "boolean", "default": False}
    options = {"probabilities": probabilities, "interval": COVERAGE, "sets": COVERAGE}
    return _object({"rows": rows, **options}, ["rows"])


def _responses() -> Schema:
    prediction = _object({"prediction": CELL}, ["prediction"])
    warnings = {"type": "array", "items": {"type": "string"}}
    rows = {"type": "array", "items": prediction}
    answer = _object({"rows": rows, "warnings": warnings}, ["rows", "warnings"])
    error = _object({"error": _object({"came": {"type": "string"}}, ["came"])}, ["error"])
    return {
        "200": _response("The predictions, in the order of the rows", answer),
        **{str(status): _response(why, error) for status, why in REFUSALS.items()},
    }


def _object(properties: Schema, required: list[str]) -> Schema:
    return {"type": "object", "properties": properties, "required": required}


def _response(description: str, schema: Schema) -> Schema:
    return {"description": description, "content": {JSON: {"schema": schema}}}
