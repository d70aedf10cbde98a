"""Live pictures. They take callables and arrays and know no model class."""

from .family_explorer import Family, FamilyExplorer
from .latent_explorer import LatentExplorer

__all__ = ["Family", "FamilyExplorer", "LatentExplorer"]
