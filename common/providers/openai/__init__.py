"""OpenAI's costs and usage, as its API answers."""

from common.providers.answer_pages import GatheredPages, discover_answers
from common.providers.provider import Provider

PROVIDER = Provider("openai", discover_answers, gather=GatheredPages)
