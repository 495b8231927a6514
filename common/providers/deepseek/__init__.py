"""DeepSeek's cost exports."""

from common.providers.deepseek.discovery import discover
from common.providers.provider import Provider

PROVIDER = Provider("deepseek", discover)
