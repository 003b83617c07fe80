"""Statements live here and nowhere else."""

from __future__ import annotations

from .customers import CustomerRepository
from .sales import LineRepository, PromotionRepository
from .wines import StockRepository, WineRepository

__all__ = ["CustomerRepository", "LineRepository", "PromotionRepository", "StockRepository", "WineRepository"]
