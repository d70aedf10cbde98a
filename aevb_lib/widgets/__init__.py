"""Live pictures. They take callables and arrays and know no model class."""

from .latent_explorer import LatentExplorer

__all__ = ["LatentExplorer"]
