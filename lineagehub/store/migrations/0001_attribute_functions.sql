-- How an OTLP AnyValue becomes text: as the Collector's exporter does (pdata AsString): maps and arrays as JSON with sorted keys, bytes as
-- base64, bool as true/false. The argument is a tuple of lineagehub/store/schemas/otlp_traces.proto, `value` telling which member is set.
-- tupleElement and not a dot, because a function's argument may itself be an expression.
-- ClickHouse writes these functions into each view when the view is made, so changing one means making the views anew.

CREATE FUNCTION IF NOT EXISTS lineagehub_double_text {on_cluster} AS (number) ->
    replaceRegexpOne(toString(number), 'e(\\d)', 'e+\\1');

-- Go's encoder does not escape the slash, and does escape what HTML would take for markup.
CREATE FUNCTION IF NOT EXISTS lineagehub_json_text {on_cluster} AS (text) ->
    replaceAll(replaceAll(replaceAll(replaceAll(toJSONString(text), '\\/', '/'), '<', '\\u003c'), '>', '\\u003e'), '&', '\\u0026');

CREATE FUNCTION IF NOT EXISTS lineagehub_leaf_json {on_cluster} AS (leaf) ->
    multiIf(
        tupleElement(leaf, 'value') = 'string_value', lineagehub_json_text(tupleElement(leaf, 'string_value')),
        tupleElement(leaf, 'value') = 'bool_value', if(tupleElement(leaf, 'bool_value'), 'true', 'false'),
        tupleElement(leaf, 'value') = 'int_value', toString(tupleElement(leaf, 'int_value')),
        tupleElement(leaf, 'value') = 'double_value', lineagehub_double_text(tupleElement(leaf, 'double_value')),
        tupleElement(leaf, 'value') = 'bytes_value', concat('"', base64Encode(tupleElement(leaf, 'bytes_value')), '"'),
        'null'
    );

CREATE FUNCTION IF NOT EXISTS lineagehub_branch_json {on_cluster} AS (branch) ->
    multiIf(
        tupleElement(branch, 'value') = 'array_value',
        concat('[', arrayStringConcat(arrayMap(item -> lineagehub_leaf_json(item), tupleElement(tupleElement(branch, 'array_value'), 'values')), ','), ']'),
        tupleElement(branch, 'value') = 'kvlist_value',
        concat('{{', arrayStringConcat(arrayMap(
            pair -> concat(lineagehub_json_text(tupleElement(pair, 'key')), ':', lineagehub_leaf_json(tupleElement(pair, 'value'))),
            arraySort(pair -> tupleElement(pair, 'key'), tupleElement(tupleElement(branch, 'kvlist_value'), 'values'))), ','), '}}'),
        lineagehub_leaf_json(branch)
    );

CREATE FUNCTION IF NOT EXISTS lineagehub_value_text {on_cluster} AS (any) ->
    multiIf(
        tupleElement(any, 'value') = 'string_value', tupleElement(any, 'string_value'),
        tupleElement(any, 'value') = 'bool_value', if(tupleElement(any, 'bool_value'), 'true', 'false'),
        tupleElement(any, 'value') = 'int_value', toString(tupleElement(any, 'int_value')),
        tupleElement(any, 'value') = 'double_value', lineagehub_double_text(tupleElement(any, 'double_value')),
        tupleElement(any, 'value') = 'bytes_value', base64Encode(tupleElement(any, 'bytes_value')),
        tupleElement(any, 'value') = 'array_value',
        concat('[', arrayStringConcat(arrayMap(item -> lineagehub_branch_json(item), tupleElement(tupleElement(any, 'array_value'), 'values')), ','), ']'),
        tupleElement(any, 'value') = 'kvlist_value',
        concat('{{', arrayStringConcat(arrayMap(
            pair -> concat(lineagehub_json_text(tupleElement(pair, 'key')), ':', lineagehub_branch_json(tupleElement(pair, 'value'))),
            arraySort(pair -> tupleElement(pair, 'key'), tupleElement(tupleElement(any, 'kvlist_value'), 'values'))), ','), '}}'),
        ''
    );

-- Attributes as the exporter's Map: of a repeated key the last value stays.
CREATE FUNCTION IF NOT EXISTS lineagehub_attributes {on_cluster} AS (attributes) ->
    mapFromArrays(
        arrayMap(pair -> tupleElement(pair, 'key'), arrayFilter(
            (pair, position) -> position = arrayLastIndex(other -> tupleElement(other, 'key') = tupleElement(pair, 'key'), attributes),
            attributes, arrayEnumerate(attributes))),
        arrayMap(pair -> lineagehub_value_text(tupleElement(pair, 'value')), arrayFilter(
            (pair, position) -> position = arrayLastIndex(other -> tupleElement(other, 'key') = tupleElement(pair, 'key'), attributes),
            attributes, arrayEnumerate(attributes)))
    )::Map(LowCardinality(String), String);
