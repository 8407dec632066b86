"""The sections of a run: which model, what it learns from, what is trained, and how."""

from core.run.sections.adapter import Adapter
from core.run.sections.data import DEMO, Data
from core.run.sections.model import STARTER, Model
from core.run.sections.train import Train

__all__ = ["DEMO", "STARTER", "Adapter", "Data", "Model", "Train"]
