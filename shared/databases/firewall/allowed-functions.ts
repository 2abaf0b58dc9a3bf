/**
 * Functions of pg_catalog that compute from their arguments and nothing else. Chosen by name, never by volatility: many that
 * Postgres calls stable tell about the server (`current_setting`), read other tables (`table_to_xml`) or run SQL (`ts_stat`).
 */
const names = [
  // Aggregates
  'count sum avg min max any_value array_agg string_agg bool_and bool_or every bit_and bit_or bit_xor',
  'json_agg jsonb_agg json_object_agg jsonb_object_agg json_agg_strict jsonb_agg_strict json_object_agg_strict',
  'jsonb_object_agg_strict json_object_agg_unique jsonb_object_agg_unique',
  'stddev stddev_pop stddev_samp variance var_pop var_samp corr covar_pop covar_samp',
  'regr_avgx regr_avgy regr_count regr_intercept regr_r2 regr_slope regr_sxx regr_sxy regr_syy',
  'percentile_cont percentile_disc mode range_agg range_intersect_agg',
  // Windows
  'row_number rank dense_rank percent_rank cume_dist ntile lag lead first_value last_value nth_value',
  // Numbers
  'abs cbrt ceil ceiling degrees div erf erfc exp factorial floor gcd lcm ln log log10 min_scale mod pi pow power radians round scale',
  'sign sqrt trim_scale trunc width_bucket random acos acosd asin asind atan atan2 atan2d atand cos cosd cot cotd sin sind tan tand',
  'sinh cosh tanh asinh acosh atanh',
  // Texts
  'ascii bit_length btrim char_length character_length chr concat concat_ws format initcap left length lower lpad ltrim md5',
  'octet_length overlay parse_ident position quote_ident quote_literal quote_nullable repeat replace reverse right rpad rtrim',
  'split_part starts_with string_to_array string_to_table strpos substr substring to_ascii to_hex to_bin to_oct translate upper',
  'unistr normalize is_normalized like_escape similar_to_escape',
  'regexp_count regexp_instr regexp_like regexp_match regexp_matches regexp_replace regexp_split_to_array',
  'regexp_split_to_table regexp_substr',
  // Bytes and hashes
  'encode decode convert_from convert_to get_bit get_byte set_bit set_byte sha224 sha256 sha384 sha512 bit_count',
  'gen_random_uuid uuid_extract_timestamp uuid_extract_version',
  // Days and times
  'age clock_timestamp date_add date_bin date_part date_subtract date_trunc extract isfinite justify_days justify_hours',
  'justify_interval make_date make_interval make_time make_timestamp make_timestamptz now overlaps statement_timestamp timezone',
  'to_char to_date to_number to_timestamp transaction_timestamp',
  // Casts that look like functions
  'bool int2 int4 int8 float4 float8 numeric text varchar date time timestamp timestamptz interval',
  // Arrays and sets
  'array_append array_cat array_dims array_length array_lower array_ndims array_position array_positions array_prepend array_remove',
  'array_replace array_to_string array_upper cardinality trim_array unnest generate_series',
  'generate_subscripts num_nonnulls num_nulls enum_first enum_last enum_range',
  // Ranges
  'int4range int8range numrange daterange tsrange tstzrange int4multirange int8multirange nummultirange datemultirange',
  'tsmultirange tstzmultirange isempty lower_inc lower_inf upper_inc upper_inf range_merge multirange',
  // JSON
  'array_to_json json_array_elements json_array_elements_text json_array_length json_build_array json_build_object json_each',
  'json_each_text json_extract_path json_extract_path_text json_object json_object_keys json_strip_nulls json_to_record',
  'json_to_recordset json_typeof row_to_json to_json to_jsonb jsonb_array_elements jsonb_array_elements_text jsonb_array_length',
  'jsonb_build_array jsonb_build_object jsonb_concat jsonb_contains jsonb_delete jsonb_delete_path jsonb_each jsonb_each_text',
  'jsonb_exists jsonb_exists_all jsonb_exists_any jsonb_extract_path jsonb_extract_path_text jsonb_insert jsonb_object',
  'jsonb_object_keys jsonb_path_exists jsonb_path_exists_tz jsonb_path_match jsonb_path_match_tz jsonb_path_query',
  'jsonb_path_query_array jsonb_path_query_array_tz jsonb_path_query_first jsonb_path_query_first_tz jsonb_path_query_tz',
  'jsonb_pretty jsonb_set jsonb_set_lax jsonb_strip_nulls jsonb_to_record jsonb_to_recordset jsonb_typeof',
  // Full text
  'to_tsvector to_tsquery plainto_tsquery phraseto_tsquery websearch_to_tsquery ts_rank ts_rank_cd ts_headline tsquery_phrase',
  'numnode querytree strip setweight tsvector_to_array array_to_tsvector',
  // Networks and geometry
  'abbrev broadcast family host hostmask inet_merge inet_same_family masklen netmask network set_masklen',
  'area center diagonal diameter height isclosed isopen npoints radius width point box circle line lseg path polygon slope',
];

export const allowedFunctions: ReadonlySet<string> = new Set(names.flatMap((line) => line.split(' ')));

/** The names of the columns that a function in FROM gives beside its own, where its definition names them. */
export const outputColumns: ReadonlySet<string> = new Set([
  'key',
  'value',
  'ordinality',
  'lexeme',
  'positions',
  'weights',
]);
