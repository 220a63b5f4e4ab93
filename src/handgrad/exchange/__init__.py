"""Model exchange: export to files that run without handgrad, import from other libraries."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from handgrad.exchange.exporting import Proof, export
    from handgrad.exchange.importing import from_keras, from_onnx, from_sklearn, from_torch
    from handgrad.files import load_weights

__all__ = [
    "Proof",
    "export",
    "from_keras",
    "from_onnx",
    "from_sklearn",
    "from_torch",
    "load_weights",
]


if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """Import exporters and importers on first use."""
        if name not in __all__:
            raise AttributeError(f"module 'handgrad.exchange' has no attribute {name!r}")
        from handgrad import files
        from handgrad.exchange import exporting, importing

        modules = (files, exporting, importing)
        return next(getattr(module, name) for module in modules if hasattr(module, name))


def __dir__() -> list[str]:
    return __all__
