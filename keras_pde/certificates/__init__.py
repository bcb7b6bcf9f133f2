"""What is proved about a map, computed from the weights at hand."""

from keras_pde.certificates.certificate import Certificate, compose_averaged, rounded
from keras_pde.certificates.facts import BlockFacts, Rounding

__all__ = ["BlockFacts", "Certificate", "Rounding", "compose_averaged", "rounded"]
