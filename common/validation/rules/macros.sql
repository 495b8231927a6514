-- What rule predicates are written with.  All are null-safe: a null value gives null, which breaks no rule.
-- exact_decimal and focus_product_differs are Python functions (common/formats/engine.py, common/validation/exact.py).

-- the number a text holds, at the scale of its column; null where it is none or does not fit
create or replace macro focus_cost(x) as
    case
        when x is null then null
        when length(x) <= 25 and not contains(lower(x), 'e') then try_cast(x as decimal(38, 24))
        else cast(exact_decimal(x, 24) as decimal(38, 24))
    end;

create or replace macro focus_quantity(x) as
    case
        when x is null then null
        when length(x) <= 13 and not contains(lower(x), 'e') then try_cast(x as decimal(38, 12))
        else cast(exact_decimal(x, 12) as decimal(38, 12))
    end;

-- price * quantity where decimals hold it exactly, otherwise null
create or replace macro focus_multiply(price, quantity) as
    case
        when quantity = 1 then price
        when quantity = trunc(quantity) then try(cast(price as decimal(38, 24)) * cast(quantity as decimal(38, 0)))
        when quantity = round(quantity, 6) and price = round(price, 18)
            then try(cast(price as decimal(38, 18)) * cast(quantity as decimal(38, 6)))
        when price = round(price, 12) then try(cast(price as decimal(38, 12)) * cast(quantity as decimal(38, 12)))
    end;

-- whether two amounts differ by less than half a unit of the 9th decimal; null where one is not known exactly
create or replace macro focus_same_amount(one, other) as try(abs(one - other)) < 0.0000000005;

-- one JSON object of distinct keys with scalar values
create or replace macro focus_is_flat(j) as
    case
        when j is null then null
        when not json_valid(j) then false
        when json_type(j) <> 'OBJECT' then false
        when len(json_keys(j)) <> list_unique(json_keys(j)) then false
        when contains(substr(ltrim(j), 2), '{') or contains(j, '[')
            then len(list_filter(json_extract(j, '$.*'), lambda v: json_type(v) in ('OBJECT', 'ARRAY'))) = 0
        else true
    end;

create or replace macro focus_is_object(j) as
    case when j is null then null when not json_valid(j) then false else json_type(j) = 'OBJECT' end;

-- the keys of an object, none of anything else
create or replace macro focus_keys(j) as
    case when focus_is_object(j) then json_keys(j) else cast([] as varchar[]) end;

-- key and value pairs of an object, none of anything else
create or replace macro focus_pairs(j) as
    case when focus_is_object(j) then list_zip(json_keys(j), json_extract(j, '$.*')) else [] end;

create or replace macro focus_has_elements(j) as
    case
        when j is null then null
        when focus_is_object(j) then coalesce(json_type(j, '$.Elements') = 'ARRAY', false)
        else false
    end;

-- the objects in the Elements array of a JSON object
create or replace macro focus_elements(j) as
    case when focus_has_elements(j) then json_extract(j, '$.Elements[*]') else cast([] as json[]) end;

-- what stands under a key of an element; null where there is nothing or a JSON null
create or replace macro focus_at(e, path) as json_extract_string(e, path);

create or replace macro focus_is_number_type(type) as type in ('BIGINT', 'UBIGINT', 'HUGEINT', 'UHUGEINT', 'DOUBLE', 'DECIMAL');

-- unit format: GB, Seconds, GB-Hours, GB/Hour, 1000 Requests, Units/3 Months.  Source: FOCUS, attribute UnitFormat.
create or replace macro focus_is_unit(u) as
    regexp_full_match(
        u,
        '([1-9][0-9]* )?'
        || '(vCPUs?|b|B|[KMGTPE]i?[bB]|[A-Z][A-Za-z0-9]*)( [A-Z][A-Za-z0-9]*)*'
        || '(-(Years|Months|Days|Hours|Minutes|Seconds))?'
        || '(/((Year|Month|Day|Hour|Minute|Second)|([1-9][0-9]* (Years|Months|Days|Hours|Minutes|Seconds))))?'
    )
    and not regexp_matches(
        u, '(^|^[0-9]+ )(Year|Month|Day|Hour|Minute|Second|Request|Unit|Token|Connection|Certificate|Domain|Core)(/|$)'
    )
    and not regexp_matches(u, '(?i)\b(kilo|mega|giga|tera|peta|exa|zetta|yotta|kibi|mebi|gibi|tebi|pebi|exbi)?(bit|byte)s?\b')
    and not regexp_matches(u, '\b([KMGTPE]i?[bB]s|[ZY]i?[bB])\b')
    and not regexp_matches(u, '\b(Years|Months|Days|Hours|Minutes|Seconds|Requests|Units|Tokens|Connections|Certificates|Domains|Cores)-');

-- the properties that FOCUS defines for SkuPriceDetails: as spelled, in lower case, and those that are numbers
create or replace macro focus_numeric_details() as
    ['CoreCount', 'DiskMaxIops', 'DiskSpace', 'GpuCount', 'MemorySize', 'NetworkMaxIops', 'NetworkMaxThroughput'];
create or replace macro focus_detail_names() as
    list_concat(
        focus_numeric_details(),
        ['DiskType', 'InstanceSeries', 'InstanceType', 'OperatingSystem', 'Redundancy', 'StorageClass']
    );
create or replace macro focus_detail_keys() as list_transform(focus_detail_names(), lambda name: lower(name));

-- whether one cost is the other times the number that a unit begins with (`10000 Units`), within 1 %; false where a product has too many digits
create or replace macro focus_is_times(larger, smaller, factor) as
    coalesce(try(abs(larger) * 100 between abs(smaller) * factor * 99 and abs(smaller) * factor * 101), false);

create or replace macro focus_differs_by_block(one, other, unit) as
    one <> 0 and other <> 0 and coalesce(try_cast(regexp_extract(unit, '^([0-9]{1,12}) ', 1) as bigint), 1) > 1
    and (
        focus_is_times(one, other, try_cast(regexp_extract(unit, '^([0-9]{1,12}) ', 1) as bigint))
        or focus_is_times(other, one, try_cast(regexp_extract(unit, '^([0-9]{1,12}) ', 1) as bigint))
    );
