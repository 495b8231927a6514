"""Claude Enterprise's cost and usage reports, as its analytics API answers."""

from common.providers.answer_api import api_key_reader
from common.providers.answer_pages import GatheredPages, discover_answers
from common.providers.examining import examine_nothing
from common.providers.provider import Provider

PROVIDER = Provider(
    "claude",
    discover_answers,
    examine_nothing,
    read_credential=api_key_reader("Claude Enterprise"),
    gather=GatheredPages,
)
