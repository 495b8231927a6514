"""OpenAI's costs and usage, as its API answers."""

from common.providers.answer_api import api_key_reader
from common.providers.answer_pages import GatheredPages, discover_answers
from common.providers.examining import examine_nothing
from common.providers.provider import Provider

PROVIDER = Provider(
    "openai", discover_answers, examine_nothing, read_credential=api_key_reader("OpenAI"), gather=GatheredPages
)
