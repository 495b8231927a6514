"""Bills that are FOCUS already, of any provider."""

from common.providers.focus.discovery import discover
from common.providers.focus.exports import examine
from common.providers.provider import Provider

PROVIDER = Provider("focus", discover, examine)
