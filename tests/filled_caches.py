"""What every import computes once in a process and keeps, computed on import: for `tests.commands`, whose processes begin with it."""

from common.formats.recognition import formats
from common.validation.catalogue import catalogue
from common.warehouse.daily import DAILY_SQL
from common.warehouse.transpile import transpile

catalogue()
formats()
transpile(DAILY_SQL)
