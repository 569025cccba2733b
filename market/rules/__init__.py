"""The exchanges' rules by date: `tables/` says what held when, `MarketRules` applies it to an order."""

from .limits import price_bands, reference_prices
from .market_rules import Costs, MarketRules, rules_for
from .summary import RuleRow

__all__ = ["Costs", "MarketRules", "RuleRow", "price_bands", "reference_prices", "rules_for"]
