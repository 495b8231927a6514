"""A bill imported into a connected integration is read once; the integration goes on reading where it was connected."""

from decimal import Decimal
from pathlib import Path

from common.records.integrations import load_integration, save_integration
from common.records.organizations import ensure_default
from costwire.imports import import_bill, sync
from tests.support import cur_line, cur_text, laptop


def test_an_import_leaves_the_integration_where_it_was_connected(tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir()
    (place / "march.csv").write_text(cur_text([cur_line(1, "5")]))
    april = {"BillingPeriodStartDate": "2026-04-01T00:00:00Z", "BillingPeriodEndDate": "2026-05-01T00:00:00Z"}
    other = tmp_path / "april.csv"
    other.write_text(cur_text([cur_line(2, "7", **april)]))
    with laptop(tmp_path / "home") as rt:
        ensure_default(rt.documents, rt.clock.now())
        save_integration(rt.documents, rt.clock.now(), "default", "prod", "aws", place.as_uri())
        import_bill([other], integration="prod")
        assert rt.billed() == {"USD": Decimal(7)}
        assert load_integration(rt.documents, "default", "prod")["config"]["location"] == place.as_uri()
        sync(integration="prod")
        assert rt.billed() == {"USD": Decimal(12)}
