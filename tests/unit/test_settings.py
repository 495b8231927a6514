"""Every setting is documented, with its default and meaning."""

from pathlib import Path

import pytest
from pydantic_settings import BaseSettings

from common.config import ServiceSettings, Settings

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"


def table(settings: type[BaseSettings] = Settings, prefix: str = "COSTWIRE_") -> str:
    lines = ["| variable | default | meaning |", "|---|---|---|"]
    for name, field in settings.model_fields.items():
        default = "" if field.default is None else f"`{field.default}`"
        lines.append(f"| `{prefix}{name.upper()}` | {default} | {field.description} |")
    return "\n".join(lines)


@pytest.mark.parametrize(("settings", "prefix"), [(Settings, "COSTWIRE_"), (ServiceSettings, "")])
def test_the_page_of_settings_says_what_the_code_does(settings: type[BaseSettings], prefix: str) -> None:
    found = table(settings, prefix)
    assert found in PAGE.read_text(encoding="utf-8"), f"docs/settings.md lacks this table:\n{found}"
