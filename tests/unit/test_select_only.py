"""What a user may ask in SQL: one SELECT over the tenant's own tables and views; everything else is refused before a warehouse sees it."""

from __future__ import annotations

import pytest

from common.errors import BadConfiguration
from common.warehouse.select_only import limited

T = "cost_data_standard_1_3"


@pytest.mark.parametrize(
    "sql",
    [
        f"select sum(BilledCost) as billed from {T}",
        f"with a as (select * from {T}) select ServiceName, count(*) as n from a group by ServiceName having count(*) > 1 order by n",
        "select * from cost_summary union all select * from cost_summary",
        f"select * from {T} where SubAccountId in (select account_id from cost_daily)",
        "select run_id, delivery from pipeline_runs, unnest(delivery_ids) as delivery",
        f"select json_value(Tags, '$.team') as team, safe_divide(sum(BilledCost), count(*)) as mean from {T} group by 1",
        f"select a.ServiceName, row_number() over (order by a.BilledCost) as n from {T} as a inner join {T} as b using (x_SourceRowId)",
        "with recursive n as (select 1 as i union all select i + 1 from n where i < 3) select i from n",
        f"select date_trunc(date(ChargePeriodStart), month) as m, current_date() as d from {T};",
        "select 1 as one",
    ],
)
def test_a_select_over_own_tables_and_views_is_asked(sql: str) -> None:
    assert limited(sql, 10).upper().endswith("LIMIT 11")


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("select 1; select 2", "found 2 statements"),
        ("", "found 0 statements"),
        ("selec 1", "is not valid SQL"),
        ("select * from", "is not valid SQL"),
        *(
            (sql, "expected one query that reads")
            for sql in (
                "insert into slices (delivery_id) values ('x')",
                "update slices set delivery_id = 'x' where true",
                "delete from slices where true",
                "merge into slices using slices as s on true when matched then delete",
                "truncate table slices",
                "create table x as select 1",
                "create or replace view x as select 1",
                "drop table slices",
                "alter table slices add column x int64",
                "copy slices to 'x.csv'",
                "pragma database_list",
                "set memory_limit = '1TB'",
                "call p()",
                "execute immediate 'select 1'",
                "begin transaction",
                "declare x int64",
                "export data options(uri='gs://b/x') as select 1",
                "load data into slices from files (uris = ['gs://b/x'])",
                "explain select 1",
                "show tables",
                "describe slices",
                "grant select on slices to 'user:x'",
                "select * into copied from slices",
            )
        ),
        ("attach 'other.duckdb'", "not valid SQL"),
        ("install httpfs", "expected one query"),
        ("select * from read_csv('/etc/passwd')", "as a table"),
        ("select * from read_parquet('x')", "as a table"),
        ("select * from read_text('/etc/passwd')", "as a table"),
        ("select * from glob('*')", "is not valid SQL"),
        ("select * from duckdb_settings()", "as a table"),
        ("select * from query('select 1')", "as a table"),
        ("select * from external_query('c', 'select 1')", "as a table"),
        ("select * from '/etc/passwd'", "there is no table '/etc/passwd'"),
        ("select * from `/home/x.parquet`", "there is no table '/home/x.parquet'"),
        ("select * from other_prod.cost_data_standard_1_3", "there is no table 'other_prod.cost_data_standard_1_3'"),
        ("select * from `project.other_prod.slices`", "there is no table 'project.other_prod.slices'"),
        ("select * from INFORMATION_SCHEMA.TABLES", "there is no table"),
        ("select * from sqlite_master", "there is no table"),
        ("select * from swap_turns", "there is no table"),
        ("select * from `cost_*`", "there is no table"),
        ("select (select max(x) from secret) as x from slices", "there is no table 'secret'"),
        ("select * from slices where exists (select 1 from secret)", "there is no table 'secret'"),
        ("select * from secret as t, (with secret as (select 1) select * from secret) as u", "there is no table 'secret'"),
        ("select * from slices for system_time as of current_timestamp()", "--as-known-on"),
        ("select * from cost_sumary", "did you mean 'cost_summary'?"),
        ("select getenv('HOME') as x", "function GETENV is not available"),
        ("select current_setting('allowed_paths') as x", "function CURRENT_SETTING is not available"),
        ("select getvariable('now') as x", "function GETVARIABLE is not available"),
        ("select read_csv('x') as x", "is not available"),
        ("select session_user() as x", "function SESSION_USER is not available"),
        ("select other.udf.f(1) as x", "function F is not available"),
        ("select @@project_id as x", "write the value itself"),
        ("select @x as x", "write the value itself"),
        ("select 1 as a, 2 as A", "two columns are called a"),
    ],
)  # fmt: skip
def test_everything_else_is_refused_in_words(sql: str, said: str) -> None:
    with pytest.raises(BadConfiguration) as refused:
        limited(sql, 10)
    assert said in str(refused.value) and "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("sql", "ending"),
    [
        ("select 1 as a", "LIMIT 11"),
        ("select 1 as a limit 5", "LIMIT 5"),
        ("select 1 as a limit 10", "LIMIT 10"),
        ("select 1 as a limit 11", "LIMIT 11"),
        ("select 1 as a limit 100000", "LIMIT 11"),
        ("select a from (select 1 as a limit 100) order by a limit 100 offset 3", "LIMIT 11 OFFSET 3"),
        ("select 1 as a union all select 2 limit 100", "LIMIT 11"),
    ],
)
def test_a_question_is_bounded_to_one_row_more_than_is_shown(sql: str, ending: str) -> None:
    assert limited(sql, 10).endswith(ending)
