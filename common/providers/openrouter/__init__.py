"""OpenRouter's activity, as its API answers."""

from common.providers.answer_pages import GatheredPages, discover_answers
from common.providers.examining import examine_nothing
from common.providers.provider import Provider

PROVIDER = Provider("openrouter", discover_answers, examine_nothing, gather=GatheredPages)
