"""Every setting is documented, with its default and meaning."""

from pathlib import Path

from common.config import Settings

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"


def table() -> str:
    lines = ["| variable | default | meaning |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = "" if field.default is None else f"`{field.default}`"
        lines.append(f"| `COSTWIRE_{name.upper()}` | {default} | {field.description} |")
    return "\n".join(lines)


def test_the_page_of_settings_says_what_the_code_does() -> None:
    assert table() in PAGE.read_text(encoding="utf-8"), f"docs/settings.md lacks this table:\n{table()}"
