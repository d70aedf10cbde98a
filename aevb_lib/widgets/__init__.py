"""Live pictures. They take callables and arrays and know no model class."""

from .bound_explorer import BoundExplorer
from .evidence_explorer import EvidenceExplorer
from .family_explorer import Family, FamilyExplorer
from .gradient_explorer import GradientExplorer
from .latent_explorer import LatentExplorer
from .variance_explorer import VarianceExplorer

__all__ = [
    "BoundExplorer", "EvidenceExplorer", "Family", "FamilyExplorer", "GradientExplorer",
    "LatentExplorer", "VarianceExplorer",
]
