-- What every mapping shares.  Money never touches a binary float.
-- exact_decimal(text, scale) is a Python function (common/formats/engine.py): exact, half to even; only for texts the fast path cannot read exactly.

-- a cost or price, DECIMAL(38,24); null where the text is not a number or has more than 14 integer digits
create or replace macro to_cost(x) as
    case
        when x is null or contains(x, '_') then null
        -- at most 24 fractional digits, so that the cast rounds nothing
        when length(x) - strpos(x, '.') <= 24 and not contains(x, 'e') and not contains(x, 'E') then try_cast(x as decimal(38, 24))
        -- as 4.0E-7: few digits and a small negative exponent lose nothing in a cast
        when length(x) <= 14 and contains(lower(right(x, 4)), 'e') and abs(try_cast(right(x, 2) as tinyint)) <= 12
            and contains(right(x, 3), '-') and right(x, 1) between '0' and '9'
            then try_cast(x as decimal(38, 24))
        else cast(exact_decimal(x, 24) as decimal(38, 24))
    end;

-- a quantity, DECIMAL(38,12); null where the text is not a number or has more than 25 integer digits, so that no single one fills a sum
create or replace macro to_quantity(x) as
    cast(case
        when x is null or contains(x, '_') then null
        -- at most 12 fractional digits, so that the cast rounds nothing
        when (length(x) - strpos(x, '.') <= 12 or not contains(x, '.')) and not contains(x, 'e') and not contains(x, 'E')
            then try_cast(x as decimal(37, 12))
        -- further digits that are all 0, as databases pad them
        when contains(x, '.') and length(rtrim(x, '0')) - strpos(x, '.') <= 12 and not contains(x, 'e') and not contains(x, 'E')
            then try_cast(rtrim(x, '0') || '0' as decimal(37, 12))
        -- as 6.71E-8
        when length(x) <= 14 and contains(lower(right(x, 4)), 'e') and abs(try_cast(right(x, 2) as tinyint)) <= 12
            and contains(right(x, 3), '-') and right(x, 1) between '0' and '9'
            and try_cast(x as decimal(38, 24)) = round(try_cast(x as decimal(38, 24)), 12)
            then try_cast(x as decimal(37, 12))
        else try_cast(exact_decimal(x, 12) as decimal(37, 12))
    end as decimal(38, 12));

-- a number of bytes as GiB, DECIMAL(38,12) rounded down; null where it is no number or has more than 25 digits
create or replace macro to_gibibytes(x) as
    try(cast(cast(cast(to_quantity(x) as hugeint) * 1000000000000 // 1073741824 as decimal(38, 0)) * 0.000000000001 as decimal(38, 12)));

-- a UTC time from ISO text with or without seconds, fraction and zone (no zone means UTC); null where it is none
-- the common spellings have no zone or Z: read without the calendar library, four times as fast
create or replace macro to_time(x) as
    case
        when ends_with(x, 'Z') or length(x) = 10 or (length(x) = 19 and substr(x, 17, 1) = ':')
            then make_timestamptz(epoch_us(try_cast(x as timestamp)))
        when x between '0' and ':' then try_cast(x as timestamp with time zone)
    end;

-- text without surrounding space; null where nothing is left
create or replace macro blank_to_null(x) as nullif(trim(x), '');

-- the price, rounded so that price * quantity fits 24 fractional digits exactly
create or replace macro fit_price(price, quantity) as
    case
        when quantity is null or price is null then price
        when quantity = 1 or quantity = trunc(quantity) then price
        when quantity = round(quantity, 6) then cast(round(price, 18) as decimal(38, 24))
        else cast(round(price, 12) as decimal(38, 24))
    end;

-- a name that is one: OpenCost writes __unallocated__ and the like where there is none
create or replace macro named_or_null(x) as case when not regexp_full_match(x, '__[a-z]+__') then nullif(trim(x), '') end;

-- price * quantity without rounding, for a price from fit_price; null where it needs more than 14 integer digits
create or replace macro multiply(price, quantity) as
    case
        -- half of the lines of an hourly bill
        when quantity = 1 then try(cast(price as decimal(38, 24)))
        when quantity = trunc(quantity) then try(cast(price as decimal(38, 24)) * cast(quantity as decimal(38, 0)))
        when quantity = round(quantity, 6) then try(cast(price as decimal(38, 18)) * cast(quantity as decimal(38, 6)))
        else try(cast(price as decimal(38, 12)) * cast(quantity as decimal(38, 12)))
    end;

-- a share (0 to 1, at most 12 fractional digits) of a quantity, which with its rest adds up to the quantity exactly; of a quantity too large for 12
-- fractional digits, the share of its integer part
create or replace macro share_of(quantity, share) as
    case
        when abs(quantity) < 10000000000000
            then cast(round(cast(quantity as decimal(38, 12)) * cast(share as decimal(38, 12)), 12) as decimal(38, 12))
        else cast(cast(trunc(quantity) as decimal(38, 0)) * cast(share as decimal(38, 12)) as decimal(38, 12))
    end;

-- a decimal's digits as an integer: 1.50 is 150
create or replace macro digits(x) as cast(replace(cast(x as varchar), '.', '') as hugeint);

-- x / y of integers that are not negative, half to even
create or replace macro even_quotient(x, y) as
    x // y + case when 2 * (x % y) > y or (2 * (x % y) = y and (x // y) % 2 = 1) then 1 else 0 end;

-- a unit price made from a cost and a quantity where the source has none; never negative, null for quantity 0
-- in integers while they are wide enough; exact_quotient(cost, quantity, scale) is a Python function beside exact_decimal
create or replace macro made_price(cost, quantity) as
    case
        when quantity = 0 or quantity is null then null
        when abs(quantity) = 1 then abs(cost)
        when abs(cost) < 10000000000000 and abs(quantity) < 1000000000000000000000000 then
            -- 24 digits of cost over 12 of quantity leave 12
            try_cast(cast(even_quotient(
                digits(cast(abs(cost) as decimal(38, 24))), digits(cast(abs(quantity) as decimal(38, 12)))
            ) as decimal(38, 0)) * cast('0.000000000001' as decimal(12, 12)) as decimal(38, 24))
        else abs(try_cast(exact_quotient(cast(cost as varchar), cast(quantity as varchar), 12) as decimal(38, 24)))
    end;

-- the month of a date as bills write it (ISO, M/D/YYYY, YYYYMM, YYYYMMDD) as YYYY-MM, or ''; the same as read_month in common/formats/control.py
create or replace macro month_text(x) as
    case
        when regexp_matches(x, '^\d{4}-(0[1-9]|1[0-2])') then left(x, 7)
        when regexp_matches(x, '^(0?[1-9]|1[0-2])/\d{1,2}/\d{4}')
            then regexp_extract(x, '^\d+/\d+/(\d{4})', 1) || '-' || lpad(split_part(x, '/', 1), 2, '0')
        when regexp_matches(x, '^\d{4}(0[1-9]|1[0-2])(\d{2})?$') then left(x, 4) || '-' || substring(x, 5, 2)
        else ''
    end;

-- a JSON object of scalars, as it stands where it is one; nested values become text; null where the text is no object or has a key twice
create or replace macro flat_object(x) as
    case
        when json_valid(x) is not true then null
        when json_type(x) <> 'OBJECT' or list_unique(json_keys(x)) <> len(json_keys(x)) then null
        when not contains(substr(x, 2), '{') and not contains(x, '[') and not contains(replace(x, ' ', ''), ',}') then x
        else cast(to_json(map_from_entries(list_transform(
            map_entries(cast(cast(x as json) as map(varchar, json))),
            lambda entry: {
                'k': entry.key,
                'v': case when json_type(entry.value) in ('OBJECT', 'ARRAY') then to_json(cast(entry.value as varchar)) else entry.value end
            }
        ))) as varchar)
    end;

-- a JSON list of records with key and value as one JSON object; the first of two same keys counts; null where the text is no such list
create or replace macro entries_object(x) as
    cast(try(to_json(map_from_entries(list_transform(
        list_filter(
            from_json(replace(replace(x, '"Key":', '"key":'), '"Value":', '"value":'), '[{"key":"VARCHAR","value":"VARCHAR"}]'),
            lambda entry, place: entry.key is not null and place = list_position(
                json_extract_string(replace(x, '"Key":', '"key":'), '$[*].key'), entry.key
            )
        ),
        lambda entry: {'k': entry.key, 'v': entry.value}
    )))) as varchar);

-- tags in any of the spellings that bills have (JSON object, list of key and value, object without its braces, Python text) as a JSON object of
-- scalars; null where the text is none of these
create or replace macro tag_object(x) as
    case
        when x is null then '{}'
        when starts_with(x, '{''') then flat_object(python_to_json(x))
        when starts_with(x, '{') then flat_object(x)
        when starts_with(x, '[') then entries_object(x)
        when starts_with(x, '"') then flat_object('{' || x || '}')
    end;

-- SkuPriceDetails with keys as FOCUS wants them: its own in their type, all others after x_; null where the text is no object or empty
create or replace macro sku_details(x) as
    case when flat_object(x) is not null then nullif(cast(try(to_json(map_from_entries(list_transform(
        map_entries(cast(cast(flat_object(x) as json) as map(varchar, json))),
        lambda entry: {
            'k': case
                when starts_with(entry.key, 'x_') or entry.key in ('DiskType', 'InstanceSeries', 'InstanceType', 'OperatingSystem', 'Redundancy', 'StorageClass')
                    then entry.key
                when entry.key in ('CoreCount', 'DiskMaxIops', 'DiskSpace', 'GpuCount', 'MemorySize', 'NetworkMaxIops', 'NetworkMaxThroughput')
                    and try_cast(json_extract_string(entry.value, '$') as decimal(38, 12)) is not null then entry.key
                else 'x_' || entry.key
            end,
            'v': case
                when json_type(entry.value) = 'VARCHAR'
                    and entry.key in ('CoreCount', 'DiskMaxIops', 'DiskSpace', 'GpuCount', 'MemorySize', 'NetworkMaxIops', 'NetworkMaxThroughput')
                    and try_cast(json_extract_string(entry.value, '$') as decimal(38, 12)) is not null
                    then coalesce(try_cast(json_extract_string(entry.value, '$') as json), entry.value)
                else entry.value
            end
        }
    )))) as varchar), '{}') end;

-- ContractApplied: its Elements, each with both ids; null where they are not so
create or replace macro contract_elements(x) as
    case
        when not json_valid(x) then null
        when starts_with(x, '[') then contract_object('{"Elements":' || x || '}')
        else contract_object(x)
    end;

create or replace macro contract_object(x) as
    case
        when json_array_length(x, '$.Elements') > 0
            and len(list_filter(json_extract_string(contract_keys(x), '$.Elements[*].ContractId'), lambda id: trim(id) <> ''))
                = json_array_length(x, '$.Elements')
            and len(list_filter(json_extract_string(contract_keys(x), '$.Elements[*].ContractCommitmentId'), lambda id: trim(id) <> ''))
                = json_array_length(x, '$.Elements')
            then contract_keys(x)
    end;

-- the first text of FOCUS 1.3 wrote ID, an erratum made it Id
create or replace macro contract_keys(x) as
    replace(replace(x, '"ContractID"', '"ContractId"'), '"ContractCommitmentID"', '"ContractCommitmentId"');

-- AllocatedMethodDetails: its Elements, each with a numeric ratio; null where they are not so
create or replace macro method_elements(x) as
    case
        when not json_valid(x) then null
        when json_array_length(x, '$.Elements') > 0
            and len(list_filter(json_type(x, '$.Elements[*].AllocatedRatio'), lambda kind: kind in ('DOUBLE', 'BIGINT', 'UBIGINT')))
                = json_array_length(x, '$.Elements')
            then x
    end;

-- a JSON object without the keys that another one has
create or replace macro tags_without(x, other) as
    case
        when coalesce(other, '{}') = '{}' then x
        else cast(to_json(map_from_entries(list_transform(
            list_filter(
                map_entries(cast(cast(x as json) as map(varchar, json))),
                lambda entry: not list_contains(json_keys(other), entry.key)
            ),
            lambda entry: {'k': entry.key, 'v': entry.value}
        ))) as varchar)
    end;

-- the kind of thing that a resource id names by itself, in the id's own words; null where it does not
create or replace macro resource_type_of(id) as
    case
        when starts_with(id, 'arn:') and contains(split_part(id, ':', 6), '/') then split_part(split_part(id, ':', 6), '/', 1)
        when starts_with(id, 'arn:') and length(split_part(id, ':', 7)) > 0 then split_part(id, ':', 6)
        when starts_with(id, 'i-') then 'instance'
        when starts_with(id, 'vol-') then 'volume'
        when starts_with(id, 'snap-') then 'snapshot'
        when starts_with(id, 'nat-') then 'natgateway'
        when starts_with(id, 'ocid') and contains(id, '.') then split_part(id, '.', 2)
        when contains(lower(id), '/providers/') then split_part(split_part(lower(id), '/providers/', -1), '/', 1)
            || '/' || split_part(split_part(lower(id), '/providers/', -1), '/', 2)
        when starts_with(id, '//') then split_part(id, '/', -2)
    end;

-- x / y with 24 fractional digits; null for a y that is not above 0.  In integers while they are wide enough, exact_quotient beyond
create or replace macro divide(x, y) as
    case
        when y is null or y <= 0 then null
        when y = 1 then cast(x as decimal(38, 24))
        when abs(x) < 50 then
            (case when x < 0 then -1 else 1 end) * try_cast(cast(even_quotient(
                digits(cast(abs(x) as decimal(38, 24))) * 1000000000000, digits(cast(y as decimal(38, 12)))
            ) as decimal(38, 0)) * cast('0.000000000000000000000001' as decimal(24, 24)) as decimal(38, 24))
        else try_cast(exact_quotient(cast(x as varchar), cast(y as varchar), 24) as decimal(38, 24))
    end;

-- a list of records as JSON text: null for an empty one and for what is neither JSON nor a Python literal
create or replace macro json_list(x) as
    case
        when x is null or x in ('[]', 'null', 'None') then null
        when json_valid(x) then x
        else python_to_json(x)
    end;

-- the same, where the amounts in it count: null for an object with a key twice too, and for what only DuckDB takes for JSON
create or replace macro strict_list(x) as
    case
        when x is null or x in ('[]', 'null', 'None') then null
        when json_valid(x) and not regexp_matches(x, ',\s*[}\]]|[:\[,]\s*-?(i|I|[nN][aA])|[\x0b\x0c]|\\u')
            and try(len(list_filter(cast(cast(x as json) as json[]), lambda one: list_unique(json_keys(one)) <> len(json_keys(one))))) = 0
            then x
        else python_to_json(x)
    end;

-- a sum of costs; null where it, or a step on the way, outgrows DECIMAL(38,24)
create or replace macro cost_sum(costs) as try(list_sum(costs));

-- the key in aws_services of a line that AWS bills under EC2: disks, network and traffic between machines are not virtual machines.
-- meter: the usage type, or the description of a line without one; is_transfer: what else says so.  Other codes stay as they are
create or replace macro aws_service_key(code, meter, is_transfer) as
    case
        when code is distinct from 'AmazonEC2' or contains(meter, 'BoxUsage') or contains(meter, 'Instance Hour') then code
        when contains(meter, 'EBS:') then 'AmazonEBS'
        when contains(meter, 'NatGateway') or contains(meter, 'NAT Gateway') or contains(meter, 'ElasticIP:') or contains(meter, 'PublicIPv4')
            or contains(meter, 'public IPv4') or contains(meter, 'CarrierIP') or contains(meter, 'LoadBalancer') or contains(meter, 'LCUUsage')
            or contains(meter, 'TransitGateway') or contains(meter, 'VPN-') or contains(meter, 'VpcEndpoint')
            or contains(meter, 'DataProcessing-Bytes') then 'AmazonEC2Networking'
        -- USE1-USW2-AWS-Out-Bytes, CloudFront-In-Bytes, DataTransfer-Regional-Bytes
        when is_transfer or contains(meter, 'DataTransfer') or contains(meter, 'data transfer') or contains(meter, 'Data Transfer')
            or contains(meter, '-Bytes') or contains(meter, 'VpcPeering') then 'AWSDataTransfer'
        else code
    end;

-- a model's name without the date of its version: gpt-4o-mini-2024-07-18, claude-haiku-4-5-20251001
create or replace macro model_family(x) as regexp_replace(x, '[-@]([0-9]{4}-[0-9]{2}-[0-9]{2}|20[0-9]{6})$', '');

-- what a tenant has agreed on for a million tokens of a model, else of its family, on a day: {price, tier} as texts; null for nothing.
-- prices: the map agreed_prices
create or replace macro agreed_price(prices, provider, model, kind, variant, currency, day) as
    list_filter(
        list_concat(
            coalesce(prices[provider || '|' || lower(model) || '|' || kind || '|' || variant || '|' || currency], []),
            coalesce(prices[provider || '|' || lower(model_family(model)) || '|' || kind || '|' || variant || '|' || currency], [])
        ),
        lambda one: strftime(day, '%Y-%m-%d') >= one.valid_from and strftime(day, '%Y-%m-%d') < one.valid_to
    )[1];

-- the same of a cloud's charge.  tokens: what its bill says of them
create or replace macro agreed_for(prices, provider, tokens, currency, day) as
    list_filter(
        [
            agreed_price(prices, provider, one, tokens.kind, if(tokens.batch = 'true', 'batch', coalesce(tokens.tier, 'standard')), currency, day)
            for one in [tokens.model, tokens.family]
        ],
        lambda one: one is not null
    )[1];

-- what was agreed for a million tokens as the price of a unit of so many; at most 12 fractional digits and 6 more
create or replace macro agreed_unit_price(agreed, tokens_each) as
    case tokens_each
        when 1 then cast(cast(agreed.price as decimal(26, 12)) * cast(0.000001 as decimal(7, 6)) as decimal(38, 24))
        when 1000 then cast(cast(agreed.price as decimal(26, 12)) * cast(0.001 as decimal(4, 3)) as decimal(38, 24))
        when 1000000 then cast(agreed.price as decimal(38, 24))
    end;

-- What a cloud's bill says of tokens, on the few rows that are of models: model, family, kind, tier, batch and how many tokens one counted unit is.
-- Null where a text is not of the known form: nothing is guessed.  words, models: the maps genai_words and genai_models.

-- AWS usage types: USE1-NovaLite-input-tokens-batch, USW2-Claude4.5Sonnet-cache-read-input-token-count-cross-region-global,
-- USE1-MP:USE1_InputTokenCount_Global_Batch-Units, APS3-MP:APS3_output_tokens_global_standard-Units; those of the marketplace leave the model
-- to the product's name, and Units to the description (Million Input Tokens).  Source: Amazon Bedrock user guide, understanding your CUR data
create or replace macro aws_tokens(found, product, unit, description, words, models) as
    case when found.word <> '' then {
        'model': coalesce(nullif(found.model, ''), nullif(trim(replace(product, '(Amazon Bedrock Edition)', '')), '')),
        'family': models[lower(coalesce(nullif(found.model, ''), trim(replace(product, '(Amazon Bedrock Edition)', ''))))],
        'kind': words[lower(found.word)],
        'tier': nullif(regexp_extract(lower(found.rest), '-(flex|priority|standard)(?:-|$)', 1), ''),
        'batch': cast(regexp_matches(lower(found.rest), '-batch(-|$)') as varchar),
        'tokens_each': case
            when unit = 'Tokens' then 1
            when unit = '1000 Tokens' then 1000
            when unit = '1000000 Tokens' then 1000000
            when unit <> 'Units' then null
            when regexp_matches(description, '(?i)\b(million|1m) [a-z ]*tokens\b') then 1000000
            when regexp_matches(description, '(?i)\b(thousand|1k|1,?000) [a-z ]*tokens\b') then 1000
        end
    } end;

create or replace macro aws_model_usage(usage_type, product, unit, description, words, models) as
    aws_tokens(
        regexp_extract(
            replace(usage_type, '_', '-'),
            '(?i)^(?:[a-z]{2,4}[0-9]?-)?(?:mp:[a-z0-9]+|(.+?)(?:-mantle)?)-(cache-?read|cache-?write|input|output)(?:-?input)?-?tokens?(?:-?count)?(-.*)?$',
            ['model', 'word', 'rest']
        ),
        product, unit, description, words, models
    );

-- Google Cloud SKUs: Gemini 2.5 Flash GA Batch Text Input - Predictions, Gemini 3 Flash Text Input Caching; the first models were billed by
-- characters, which are no tokens.  Source: Cloud Billing SKU groups of Vertex AI
create or replace macro gcp_tokens(found, unit, words) as
    case when found.word <> '' then {
        'model': found.model,
        'family': replace(lower(found.model), ' ', '-'),
        'kind': case when found.cached <> '' then words['caching'] else words[lower(found.word)] end,
        'tier': nullif(regexp_extract(lower(found.rest), '\b(flex|priority)\b', 1), ''),
        'batch': cast(regexp_matches(lower(found.rest), '\bbatch\b') as varchar),
        'tokens_each': case when cast(found.version as integer) >= 2 and lower(unit) in ('count', 'requests', 'tokens') then 1 end
    } end;

create or replace macro gcp_model_usage(sku, unit, words) as
    gcp_tokens(
        regexp_extract(
            sku,
            '(?i)^(gemini ([0-9]+)(?:\.[0-9]+)?(?: pro| flash[ -]lite| flash| ultra| nano)?)\b(.*?) (?:text|image|audio|video) (input|output)( caching)?(?: - predictions)?$',
            ['model', 'version', 'rest', 'word', 'cached']
        ),
        unit, words
    );

-- SKUs of other companies' models on Vertex AI: Claude Sonnet 4.5 Input Tokens, Llama 3.1 405B Instruct API Service - Output Tokens, Claude Opus 4
-- Batch Cache Write Input Tokens.  The form is not documented: only a known maker's model with `... input|output tokens` counts
create or replace macro partner_tokens(found, unit, words) as
    case when found.word <> '' then {
        'model': trim(found.model),
        'family': regexp_replace(replace(replace(lower(trim(found.model)), ' ', '-'), '.', '-'), '-(instruct|api-service|api)$', ''),
        'kind': case lower(found.cache)
            when 'cache read' then 'cache_read' when 'cache hit' then 'cache_read' when 'cached' then 'cache_read' when 'cache write' then 'cache_write'
            else words[lower(found.word)]
        end,
        'tier': cast(null as varchar),
        'batch': cast(regexp_matches(lower(found.way), '\bbatch\b') as varchar),
        'tokens_each': case when lower(unit) in ('count', 'requests', 'tokens') then 1 end
    } end;

create or replace macro partner_model_usage(sku, unit, words) as
    partner_tokens(
        regexp_extract(
            sku,
            '(?i)^(?:vertex ai:? )?((?:claude|llama|mistral|codestral|ministral|jamba|deepseek|qwen|gpt-oss|grok|command|kimi|minimax|glm)[a-z0-9 .-]*?)(?: -| api service -| api service)?( batch)?(?: (cache read|cache write|cache hit|cached))? (input|output)(?: text)? tokens?(?: - .*)?$',
            ['model', 'way', 'cache', 'word']
        ),
        unit, words
    );

-- who makes a model that Google sells
create or replace macro model_maker(model) as
    case regexp_extract(lower(model), '^[a-z]+')
        when 'claude' then 'Anthropic' when 'llama' then 'Meta' when 'mistral' then 'Mistral AI' when 'codestral' then 'Mistral AI'
        when 'ministral' then 'Mistral AI' when 'jamba' then 'AI21 Labs' when 'deepseek' then 'DeepSeek' when 'qwen' then 'Alibaba' when 'gpt' then 'OpenAI'
        when 'grok' then 'xAI' when 'command' then 'Cohere' when 'kimi' then 'Moonshot AI' when 'minimax' then 'MiniMax' when 'glm' then 'Z.ai'
    end;

-- Azure meters: gpt 4o 0513 Input global Tokens, GPT 5 Mini cchd Inpt Glbl 1M Tokens, 5.4 cd inp Gl, GPT 5 Batch outpt Glbl; counted in single
-- tokens once the block of the unit is counted in.  Source: Azure Retail Prices API, meters of Azure OpenAI
create or replace macro azure_tokens(found, words) as
    case when found.word <> '' then {
        'model': found.model,
        -- without the month and day of its version
        'family': case when regexp_matches(found.model, '^[0-9]') then 'gpt-' else '' end
            || regexp_replace(replace(lower(found.model), ' ', '-'), '-[01][0-9][0-3][0-9]$', ''),
        'kind': case when found.cached <> '' then words[lower(found.cached)] else words[lower(found.word)] end,
        'tier': case lower(found.way) when 'pp' then 'priority' when 'priority' then 'priority' when 'flex' then 'flex' end,
        'batch': cast(lower(found.way) = 'batch' as varchar),
        'tokens_each': 1
    } end;

create or replace macro azure_model_usage(meter, words) as
    azure_tokens(
        regexp_extract(
            meter,
            '(?i)^((?:gpt|o[0-9]|[0-9])[a-z0-9. -]*?)(?:[ -](batch|pp|priority|flex))?(?:[ -](cchd|cached|cache|cach|cd|ch))?[ -](inpt|input|inp|outpt|output|outp|opt|out)[ -](?:glbl|global|gl|rgnl|regnl|regional|dzone|dz|data zone)\b(?:.* tokens)?$',
            ['model', 'way', 'cached', 'word']
        ),
        words
    );
