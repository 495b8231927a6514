"""xAI's invoices and the preview of the present month's, as its management API answers."""

from common.providers.answer_api import api_key_reader
from common.providers.answer_pages import GatheredPages, discover_answers
from common.providers.examining import examine_nothing
from common.providers.provider import Provider

PROVIDER = Provider(
    "xai", discover_answers, examine_nothing, read_credential=api_key_reader("xAI", True), gather=GatheredPages
)
