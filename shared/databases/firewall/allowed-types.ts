/**
 * Types of pg_catalog that hold data. Not among them: the `reg…` types, whose input looks into the catalogs; `xml`; identifiers of
 * the server itself (`oid`, `tid`, `xid`); pseudo-types; `record`, and every type of a table.
 */
const names = [
  'bool int2 int4 int8 float4 float8 numeric money bit varbit',
  'text varchar bpchar char name bytea uuid',
  'date time timetz timestamp timestamptz interval',
  'json jsonb jsonpath tsvector tsquery inet cidr macaddr macaddr8',
  'point line lseg box path polygon circle',
  'int4range int8range numrange daterange tsrange tstzrange',
  'int4multirange int8multirange nummultirange datemultirange tsmultirange tstzmultirange',
];

export const allowedTypes: ReadonlySet<string> = new Set(names.flatMap((line) => line.split(' ')));
