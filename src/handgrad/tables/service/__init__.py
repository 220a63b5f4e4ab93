"""HTTP service of a model of tables: predictions of rows sent as JSON, by an ASGI application."""

from handgrad.tables.service.application import ServiceLimits, application
from handgrad.tables.service.server import serve

__all__ = ["ServiceLimits", "application", "serve"]
