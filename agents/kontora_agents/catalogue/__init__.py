"""The catalogue: what is known about open models and their licences, as data, each fact with its source and date."""

from kontora_agents.catalogue.entry import CatalogueModel, Quantisation
from kontora_agents.catalogue.fact import Fact
from kontora_agents.catalogue.licence import Licence
from kontora_agents.catalogue.shelf import Catalogue, catalogue

__all__ = ["Catalogue", "CatalogueModel", "Fact", "Licence", "Quantisation", "catalogue"]
