"""GitHub's billing usage, as its API answers: Copilot, Actions and all else that is metered."""

from common.providers.answer_api import api_key_reader
from common.providers.answer_pages import GatheredPages, discover_answers
from common.providers.examining import examine_nothing
from common.providers.provider import Provider

PROVIDER = Provider(
    "github", discover_answers, examine_nothing, read_credential=api_key_reader("GitHub", True), gather=GatheredPages
)
