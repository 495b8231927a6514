"""Summary questions to a filled warehouse, asked several times in one process.  State lies in $COSTWIRE_HOME.

The first answer of each is cold (files are opened); the median of the others is warm.
"""

import json
import statistics
import time
from functools import partial

from common.runtime.bootstrap import runtime
from common.warehouse.cost_report import CostsQuery, read_costs
from common.warehouse.dimensions import SHORT

WARM = 5


def main() -> None:
    """Ask, and tell the seconds of each question, cold and warm."""
    warehouse = runtime().warehouse
    questions = {
        "costs by service": lambda: read_costs(partial(warehouse.query, "default"), CostsQuery((SHORT["service"],))),
        "cost_summary": lambda: warehouse.query("default", "select * from cost_summary"),
    }
    facts: dict[str, dict[str, float]] = {}
    for name, ask in questions.items():
        seconds = []
        for _ in range(WARM + 1):
            started = time.perf_counter()
            assert ask(), f"{name} has no answer"
            seconds.append(time.perf_counter() - started)
        facts[name] = {"cold": seconds[0], "warm": statistics.median(seconds[1:]), "warm_max": max(seconds[1:])}
    [row] = warehouse.query("default", "select count(*) as charges from cost_data_standard_1_3")
    print(
        json.dumps(
            {"seconds": max(fact["warm"] for fact in facts.values()), "rows": row["charges"], "questions": facts}
        )
    )


if __name__ == "__main__":
    main()
