"""Screens over a filled home, asked in one process as a browser asks.  State lies in $COSTWIRE_HOME.

Of each: bytes as sent, elements, the milliseconds of the first answer, and the median and 95th percentile of the next ones.
"""

import json
import re
import statistics
import time
from datetime import UTC, datetime, timedelta

from common.records.organizations import ensure_default
from common.runtime.bootstrap import runtime
from web import asset_files
from web.api.access import OpenDoor
from web.api.app import Service
from web.site import create_site

TIMES, FEW, ENOUGH = 20, 3, 4_000
"""Answers that are timed beside the first one: fewer where so many milliseconds have passed."""
_ELEMENT = re.compile(rb"<[a-zA-Z]")


def main() -> None:
    """Ask for every screen, and tell what each took."""
    rt = runtime()
    ensure_default(rt.documents, rt.clock.now())
    site = create_site(rt, Service(OpenDoor(), loopback=True)).test_client()
    packed = {"Accept-Encoding": "gzip"}
    assets = sum(len(site.get(asset_files.address(name), headers=packed).get_data()) for name in asset_files.NAMES)
    facts = {}
    for name, address in addresses().items():
        seconds: list[float] = []
        processor: list[float] = []
        while len(seconds) <= (TIMES if sum(seconds) < ENOUGH else FEW):
            began, used = time.perf_counter(), time.process_time()
            page = site.get(address, headers=packed, follow_redirects=True)
            seconds.append(1000 * (time.perf_counter() - began))
            processor.append(1000 * (time.process_time() - used))
            if page.status_code != 200:
                raise SystemExit(f"{address} answered {page.status_code}")
        warm = sorted(seconds[1:])
        facts[name] = {
            "bytes": len(page.get_data()) + assets,
            "elements": len(_ELEMENT.findall(site.get(address, follow_redirects=True).get_data())),
            "first": seconds[0],
            "median": statistics.median(warm),
            "p95": warm[int((len(warm) - 1) * 0.95)],
            "processor": statistics.median(processor[1:]),
            "processor_first": processor[0],
        }
    print(json.dumps({"seconds": sum(one["median"] for one in facts.values()) / 1000, "screens": facts}))


def addresses() -> dict[str, str]:
    """Screen -> address: the overview, 90 days by 9 groups, the steps of a drill, suggestions, and what is proved."""
    today = datetime.now(UTC).date()
    days = f"from={today - timedelta(days=89)}&to={today}"
    costs, drilled = f"/default/analytics?{days}", "&filter=service%3DService%203"
    return {
        "overview": "/default",
        "costs, 90 days by 9 services": f"{costs}&group=service",
        "drill to sub accounts": f"{costs}&group=account{drilled}",
        "drill to regions": f"{costs}&group=region{drilled}&filter=account%3Daccount-7",
        "drill to resources": f"{costs}&group=resource{drilled}&filter=account%3Daccount-7",
        "all sub accounts": f"{costs}&group=account",
        "all resources": f"{costs}&group=resource",
        "data": "/default/data",
        "deliveries": "/default/data/deliveries",
    }


if __name__ == "__main__":
    main()
