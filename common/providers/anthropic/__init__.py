"""Anthropic's cost and usage reports, as its API answers."""

from common.providers.answer_pages import GatheredPages, discover_answers
from common.providers.provider import Provider

PROVIDER = Provider("anthropic", discover_answers, gather=GatheredPages)
