"""DeepSeek's cost exports."""

from common.providers.deepseek.discovery import discover
from common.providers.examining import examine_nothing
from common.providers.provider import Provider

PROVIDER = Provider("deepseek", discover, examine_nothing)
