//! The table of checks: SQL and what comes of it, the same on the embedded server and on a real one, by the simple and by the
//! extended protocol.

use highwater_services::Postgres;

use crate::support::{code, connect, described, embedded, extended, local, run, simple, started};

/// A name and steps, each SQL and what is expected: rows as `1|x; 2|NULL; [2]`, rows affected as `[2]`, an error as `!23505`,
/// `*` for whatever succeeds. A step that begins with `describe` asks for the types a server infers.
type Check = (&'static str, &'static [(&'static str, &'static str)]);

const TABLE: &str = "CREATE TABLE t (id bigint PRIMARY KEY, s text NOT NULL, n integer, b boolean NOT NULL DEFAULT false, \
                     f double precision, at timestamptz, d date, j jsonb, v varchar(5), u uuid, y bytea, tags text[])";
const PEOPLE: &str = "CREATE TABLE people (id int PRIMARY KEY, name text, team int); \
                      INSERT INTO people VALUES (1, 'ann', 10), (2, 'bob', 10), (3, 'cy', 20), (4, NULL, NULL)";
const TEAMS: &str = "CREATE TABLE teams (id int PRIMARY KEY, title text); INSERT INTO teams VALUES (10, 'red'), (20, 'blue'), (30, 'grey')";

const CHECKS: &[Check] = &[
    (
        "constants have the types and names of Postgres",
        &[
            ("SELECT 1, 'x', true, NULL", "1|x|t|NULL; [1]"),
            (
                "describe SELECT 1, 3000000000, 'x', true, NULL, now(), 1 AS one, 'y'::varchar, 1::bigint",
                " -> ?column?:int4 ?column?:int8 ?column?:text ?column?:bool ?column?:text now:timestamptz one:int4 varchar:varchar int8:int8",
            ),
        ],
    ),
    (
        "a table is made once, or again if it need not",
        &[
            (TABLE, "[0]"),
            (TABLE, "!42P07"),
            ("CREATE TABLE IF NOT EXISTS t (id int)", "[0]"),
            ("CREATE INDEX t_n ON t (n)", "[0]"),
            ("CREATE INDEX t_n ON t (n)", "!42P07"),
            ("CREATE INDEX IF NOT EXISTS t_n ON t (n, s DESC NULLS LAST)", "[0]"),
            ("DROP INDEX t_n", "[0]"),
            ("DROP TABLE t", "[0]"),
            ("DROP TABLE t", "!42P01"),
            ("DROP TABLE IF EXISTS t", "[0]"),
        ],
    ),
    (
        "every type comes back as it went in",
        &[
            (TABLE, "*"),
            (
                "INSERT INTO t VALUES (1, 'é''x', -5, true, 0.1, '2024-05-06 07:08:09.123+02', '2024-02-29', '{\"b\":1, \"a\":[1,2]}', 'abc', \
          'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', '\\xDEADbeef', '{a,\"b c\",NULL}')",
                "[1]",
            ),
            (
                "SELECT * FROM t",
                "1|é'x|-5|t|0.1|2024-05-06 05:08:09.123+00|2024-02-29|{\"a\": [1, 2], \"b\": 1}|abc|\
          a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11|\\xdeadbeef|{a,\"b c\",NULL}; [1]",
            ),
            (
                "describe SELECT * FROM t",
                " -> id:int8 s:text n:int4 b:bool f:float8 at:timestamptz d:date j:jsonb v:varchar u:uuid y:bytea tags:_text",
            ),
        ],
    ),
    (
        "a null and a default are what they are",
        &[
            (TABLE, "*"),
            ("INSERT INTO t (id, s) VALUES (1, 'x')", "[1]"),
            ("SELECT n, b, at, j, tags FROM t", "NULL|f|NULL|NULL|NULL; [1]"),
            ("INSERT INTO t (id, s, b) VALUES (2, 'y', DEFAULT)", "[1]"),
            ("SELECT b FROM t WHERE id = 2", "f; [1]"),
        ],
    ),
    (
        "constraint violations have their SQLSTATE",
        &[
            (TABLE, "*"),
            ("INSERT INTO t (id, s) VALUES (1, 'x')", "[1]"),
            ("INSERT INTO t (id, s) VALUES (1, 'y')", "!23505"),
            ("INSERT INTO t (id, s) VALUES (2, NULL)", "!23502"),
            ("INSERT INTO t (id, s) VALUES (NULL, 'x')", "!23502"),
            ("UPDATE t SET s = NULL", "!23502"),
            ("INSERT INTO t (id, s, v) VALUES (3, 'x', 'abcdef')", "!22001"),
            ("INSERT INTO t (id, s, v) VALUES (3, 'x', 'abcde   ')", "[1]"),
            ("INSERT INTO t (id, s, n) VALUES (4, 'x', 3000000000)", "!22003"),
            ("INSERT INTO t (id, s, n) VALUES (4, 'x', 'abc')", "!22P02"),
            ("INSERT INTO t (id, s, j) VALUES (4, 'x', '{bad')", "!22P02"),
            ("INSERT INTO t (id, s, at) VALUES (4, 'x', 'soon')", "!22007"),
            ("INSERT INTO t (id, s, u) VALUES (4, 'x', 'not-a-uuid')", "!22P02"),
            ("INSERT INTO t (id, s, n) VALUES (4, 'x', true)", "!42804"),
            ("INSERT INTO t (id, s) VALUES (4, 'x', 5)", "!42601"),
            ("SELECT count(*) FROM t", "2; [1]"),
        ],
    ),
    (
        "names that are not there have their SQLSTATE",
        &[
            (PEOPLE, "*"),
            ("SELECT 1 FROM nope", "!42P01"),
            ("SELECT nope FROM people", "!42703"),
            ("SELECT p.nope FROM people p", "!42703"),
            ("SELECT people.id FROM people p", "!42P01"),
            ("INSERT INTO people (nope) VALUES (1)", "!42703"),
            ("UPDATE people SET nope = 1", "!42703"),
            ("SELECT nope(1)", "!42883"),
            ("SELECT id FROM people a, people b", "!42702"),
            ("SELECT 1 FROM people, people", "!42712"),
            ("INSERT INTO people (id, id) VALUES (1, 2)", "!42701"),
            ("CREATE TABLE x (a int, a int)", "!42701"),
        ],
    ),
    (
        "what is no SQL is a syntax error",
        &[
            ("SELEC 1", "!42601"),
            ("SELECT 1 FROM", "!42601"),
            ("INSERT INTO t VALUES (1", "!42601"),
            ("SELECT 'abc", "!42601"),
        ],
    ),
    (
        "types that do not fit are errors",
        &[
            (PEOPLE, "*"),
            ("SELECT 1 FROM people WHERE name = 1", "!42883"),
            ("SELECT 1 FROM people WHERE id", "!42804"),
            ("SELECT 1 FROM people WHERE id = 'x'", "!22P02"),
            ("SELECT id + name FROM people", "!42883"),
            ("SELECT CASE WHEN true THEN 1 ELSE name END FROM people", "!42804"),
            ("SELECT name::int FROM people WHERE id = 1", "!22P02"),
            ("SELECT id::jsonb FROM people", "!42846"),
            ("SELECT 1/0", "!22012"),
            ("SELECT 2147483647 + 1", "!22003"),
            ("SELECT 9223372036854775807 + 1", "!22003"),
        ],
    ),
    (
        "arithmetic is that of Postgres",
        &[
            ("SELECT 7 / 2, -7 / 2, 7 % 3, -7 % 3, 2 * 3 - 1", "3|-3|1|-1|5; [1]"),
            ("SELECT 7::float8 / 2, 1::bigint + 1, - (2 + 3), abs(-4), 5::float8 * 1e3", "3.5|2|-5|4|5000; [1]"),
            ("SELECT 2.5::float8::int, 3.5::float8::int, (-2.5)::float8::int, round(2.5::float8)", "2|4|-2|2; [1]"),
            (
                "describe SELECT 1 + 1, 1 + 1::bigint, 1 + 1::float8, 1::smallint + 1::smallint",
                " -> ?column?:int4 ?column?:int8 ?column?:float8 ?column?:int2",
            ),
        ],
    ),
    (
        "operators bind as in Postgres",
        &[
            (
                "SELECT 1 + 2 * 3, (1 + 2) * 3, NOT 1 = 2, 'a' || 1 + 2, 2 - 1 - 1, true OR false AND false",
                "7|9|t|a3|0|t; [1]",
            ),
            (
                "SELECT '{\"a\": \"x\"}'::jsonb->>'a' = 'x', '{\"a\": \"x\"}'::jsonb->>'a' || 'y', 1 IS NULL = false",
                "t|xy|t; [1]",
            ),
            ("SELECT 1 < 2 AND 'a' LIKE 'a%' AND 3 BETWEEN 1 AND 5 AND NOT 2 IN (1, 3)", "t; [1]"),
        ],
    ),
    (
        "floats are written shortest",
        &[(
            "SELECT 0.1::float8, 1e20::float8, 1e-5::float8, 100::float8, 1.5::real, 0.1::real",
            "0.1|1e+20|1e-05|100|1.5|0.1; [1]",
        )],
    ),
    (
        "nulls sort last, and first when descending",
        &[
            (PEOPLE, "*"),
            ("SELECT name FROM people ORDER BY name", "ann; bob; cy; NULL; [4]"),
            ("SELECT name FROM people ORDER BY name DESC", "NULL; cy; bob; ann; [4]"),
            ("SELECT name FROM people ORDER BY name NULLS FIRST", "NULL; ann; bob; cy; [4]"),
            ("SELECT id, name FROM people ORDER BY 2 DESC NULLS LAST, 1", "3|cy; 2|bob; 1|ann; 4|NULL; [4]"),
            ("SELECT id AS x FROM people ORDER BY x DESC LIMIT 2", "4; 3; [2]"),
            ("SELECT id FROM people ORDER BY -id LIMIT 2 OFFSET 1", "3; 2; [2]"),
            ("SELECT id FROM people ORDER BY 5", "!42P10"),
            ("SELECT id FROM people LIMIT -1", "!2201W"),
            ("SELECT id FROM people ORDER BY id OFFSET 3", "4; [1]"),
            ("SELECT id FROM people ORDER BY id FETCH FIRST 1 ROW ONLY", "1; [1]"),
        ],
    ),
    (
        "logic has three values",
        &[
            (
                "SELECT NULL AND false, NULL OR true, NOT NULL::bool, NULL = NULL, NULL IS NULL, 1 IS DISTINCT FROM NULL",
                "f|t|NULL|NULL|t|t; [1]",
            ),
            ("SELECT 1 IN (2, NULL), 1 NOT IN (2, NULL), 1 IN (1, NULL), NULL IN (1)", "NULL|NULL|t|NULL; [1]"),
            ("SELECT (NULL::bool) IS TRUE, (NULL::bool) IS NOT TRUE, (NULL::bool) IS UNKNOWN", "f|t|t; [1]"),
            ("SELECT NULL IS NOT DISTINCT FROM NULL::text, 'a' IS DISTINCT FROM 'a'", "t|f; [1]"),
        ],
    ),
    (
        "conditionals choose",
        &[
            (PEOPLE, "*"),
            (
                "SELECT coalesce(name, 'none'), nullif(team, 10), CASE WHEN team = 10 THEN 'r' WHEN team IS NULL THEN '-' ELSE 'o' END FROM people ORDER BY id",
                "ann|NULL|r; bob|NULL|r; cy|20|o; none|NULL|-; [4]",
            ),
            (
                "SELECT CASE team WHEN 10 THEN 1 ELSE 0 END, greatest(id, team), least(id, NULL, 2) FROM people ORDER BY id",
                "1|10|1; 1|10|2; 0|20|2; 0|4|2; [4]",
            ),
            (
                "describe SELECT coalesce(name, 'x'), CASE WHEN true THEN 1 END, greatest(1, 2::bigint) FROM people",
                " -> coalesce:text case:int4 greatest:int8",
            ),
        ],
    ),
    (
        "aggregates count, sum and find",
        &[
            (PEOPLE, "*"),
            (
                "SELECT count(*), count(name), count(DISTINCT team), min(id), max(name), sum(id) FROM people",
                "4|3|2|1|cy|10; [1]",
            ),
            ("SELECT sum(id), max(id), count(*) FROM people WHERE false", "NULL|NULL|0; [1]"),
            ("SELECT coalesce(max(id), 0) FROM people WHERE false", "0; [1]"),
            ("SELECT sum(id::bigint), sum(id::float8), avg(id::float8) FROM people", "10|10|2.5; [1]"),
            ("SELECT count(*) FILTER (WHERE team = 10), bool_and(id > 0), bool_or(id > 3) FROM people", "2|t|t; [1]"),
            (
                "SELECT string_agg(name, ',' ORDER BY name DESC), array_agg(id ORDER BY id) FROM people",
                "cy,bob,ann|{1,2,3,4}; [1]",
            ),
            ("SELECT jsonb_agg(name ORDER BY id) FROM people", "[\"ann\", \"bob\", \"cy\", null]; [1]"),
            (
                "describe SELECT count(*), sum(id), sum(id::bigint), max(id), avg(id::float8), sum(id)::bigint AS s FROM people",
                " -> count:int8 sum:int8 sum:numeric max:int4 avg:float8 s:int8",
            ),
        ],
    ),
    (
        "groups are checked",
        &[
            (PEOPLE, "*"),
            ("SELECT team, count(*) FROM people GROUP BY team ORDER BY team", "10|2; 20|1; NULL|1; [3]"),
            ("SELECT team AS t, count(*) AS n FROM people GROUP BY t HAVING count(*) > 1", "10|2; [1]"),
            (
                "SELECT team + 1, count(*) FROM people WHERE team IS NOT NULL GROUP BY team + 1 ORDER BY 1",
                "11|2; 21|1; [2]",
            ),
            ("SELECT name, count(*) FROM people GROUP BY team", "!42803"),
            ("SELECT name, count(*) FROM people", "!42803"),
            ("SELECT count(*) FROM people WHERE count(*) > 1", "!42803"),
            ("SELECT id, name, count(*) FROM people GROUP BY id ORDER BY id LIMIT 1", "1|ann|1; [1]"),
            ("SELECT DISTINCT team FROM people ORDER BY team", "10; 20; NULL; [3]"),
            ("SELECT DISTINCT team FROM people ORDER BY id", "!42P10"),
        ],
    ),
    (
        "joins find partners",
        &[
            (PEOPLE, "*"),
            (TEAMS, "*"),
            (
                "SELECT p.name, t.title FROM people p JOIN teams t ON t.id = p.team ORDER BY p.id",
                "ann|red; bob|red; cy|blue; [3]",
            ),
            (
                "SELECT p.id, t.title FROM people p LEFT JOIN teams t ON t.id = p.team ORDER BY t.title, p.id",
                "3|blue; 1|red; 2|red; 4|NULL; [4]",
            ),
            (
                "SELECT t.title, p.name FROM people p RIGHT JOIN teams t ON t.id = p.team WHERE p.id IS NULL",
                "grey|NULL; [1]",
            ),
            ("SELECT count(*) FROM people CROSS JOIN teams", "12; [1]"),
            ("SELECT count(*) FROM people, teams WHERE people.team = teams.id", "3; [1]"),
            ("SELECT * FROM people JOIN teams USING (id)", "[0]"),
            ("SELECT a.id, b.id FROM people a JOIN people b USING (team) WHERE a.id < b.id", "1|2; [1]"),
            ("describe SELECT * FROM people JOIN teams USING (id)", " -> id:int4 name:text team:int4 title:text"),
        ],
    ),
    (
        "subqueries and WITH",
        &[
            (PEOPLE, "*"),
            (TEAMS, "*"),
            (
                "SELECT name FROM people WHERE team IN (SELECT id FROM teams WHERE title = 'red') ORDER BY id",
                "ann; bob; [2]",
            ),
            ("SELECT title FROM teams t WHERE NOT EXISTS (SELECT 1 FROM people WHERE team = t.id)", "grey; [1]"),
            (
                "SELECT title, (SELECT count(*) FROM people WHERE team = t.id) FROM teams t ORDER BY id",
                "red|2; blue|1; grey|0; [3]",
            ),
            ("SELECT (SELECT id FROM people)", "!21000"),
            ("SELECT (SELECT id FROM people WHERE false)", "NULL; [1]"),
            ("SELECT s.n FROM (SELECT team, count(*) AS n FROM people GROUP BY team) AS s WHERE s.team = 10", "2; [1]"),
            (
                "WITH r AS (SELECT id, team FROM people WHERE team = 10), s AS (SELECT max(id) AS m FROM r) SELECT m FROM s",
                "2; [1]",
            ),
            (
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4) SELECT sum(i) FROM n",
                "10; [1]",
            ),
            ("SELECT id FROM people WHERE (team, id) IN ((10, 1), (20, 3)) ORDER BY id", "1; 3; [2]"),
            ("SELECT id FROM people WHERE (team, id) > (10, 1) ORDER BY team, id", "2; 3; [2]"),
            (
                "SELECT id FROM people WHERE (team, id) IN (SELECT team, max(id) FROM people GROUP BY team) ORDER BY id",
                "2; 3; [2]",
            ),
        ],
    ),
    (
        "set operations and VALUES",
        &[
            ("SELECT 1 UNION SELECT 1 UNION ALL SELECT 2 ORDER BY 1", "1; 2; [2]"),
            ("SELECT 1 AS a EXCEPT SELECT 2", "1; [1]"),
            ("SELECT 1 UNION SELECT 2 INTERSECT SELECT 3", "1; [1]"),
            ("SELECT NULL UNION ALL SELECT 3", "NULL; 3; [2]"),
            ("SELECT 1, 2 UNION SELECT 1", "!42601"),
            ("SELECT 1 UNION SELECT true", "!42804"),
            ("VALUES (1, 'a'), (2, NULL)", "1|a; 2|NULL; [2]"),
            ("SELECT id, name FROM (VALUES (2, 'b'), (1, 'a')) AS v(id, name) ORDER BY id", "1|a; 2|b; [2]"),
            ("SELECT sum(g) FROM generate_series(1, 4) AS g", "10; [1]"),
        ],
    ),
    (
        "windows number and sum",
        &[
            (PEOPLE, "*"),
            (
                "SELECT id, row_number() OVER (PARTITION BY team ORDER BY id DESC) FROM people ORDER BY id",
                "1|2; 2|1; 3|1; 4|1; [4]",
            ),
            (
                "SELECT id, sum(id) OVER (ORDER BY id), lag(id) OVER (ORDER BY id) FROM people ORDER BY id",
                "1|1|NULL; 2|3|1; 3|6|2; 4|10|3; [4]",
            ),
        ],
    ),
    (
        "text is handled as in the C locale",
        &[
            (
                "SELECT lower('AÉ'), upper('bé'), length('é€'), octet_length('é'), 'a' || NULL, 'a' || 1, replace('aXbX', 'X', '-')",
                "aÉ|Bé|2|2|NULL|a1|a-b-; [1]",
            ),
            (
                "SELECT trim('  a '), btrim('xax', 'x'), ltrim('  a'), substring('abcdef' from 2 for 3), substr('abc', 2), left('abc', 2), right('abc', 2)",
                "a|a|a|bcd|bc|ab|bc; [1]",
            ),
            (
                "SELECT 'abc' LIKE 'a%', 'abc' LIKE 'A%', 'abc' ILIKE 'A%', 'a%c' LIKE 'a\\%c', 'axc' LIKE 'a\\%c', 'abc' NOT LIKE '_b_'",
                "t|f|t|t|f|f; [1]",
            ),
            (
                "SELECT position('b' in 'abc'), strpos('abc', 'z'), split_part('a,b,c', ',', 2), concat('a', NULL, 1, true), concat_ws('-', 'a', NULL, 'b')",
                "2|0|b|a1t|a-b; [1]",
            ),
            ("SELECT 'B' < 'a', 'a' < 'é', true::text, 1.5::float8::text, '5'::int + 1", "t|t|true|1.5|6; [1]"),
            ("SELECT E'a\\nb', $$it's$$, 'x''y'", "a\nb|it's|x'y; [1]"),
        ],
    ),
    (
        "dates and times",
        &[
            (
                "SELECT '2024-01-31'::date + 1, '2024-03-01'::date - '2024-02-01'::date, '2024-01-31 10:00'::timestamptz + interval '1 month'",
                "2024-02-01|29|2024-02-29 10:00:00+00; [1]",
            ),
            (
                "SELECT '2024-01-02T03:04:05.678Z'::timestamptz, '2024-01-02 03:04:05+05:30'::timestamptz, '2024-01-02'::timestamptz",
                "2024-01-02 03:04:05.678+00|2024-01-01 21:34:05+00|2024-01-02 00:00:00+00; [1]",
            ),
            (
                "SELECT date_trunc('month', '2024-05-17 10:11:12'::timestamptz), '2024-05-17 23:59:59'::timestamptz::date",
                "2024-05-01 00:00:00+00|2024-05-17; [1]",
            ),
            (
                "SELECT EXTRACT(epoch FROM '2024-01-01'::timestamptz)::bigint, date_part('hour', '2024-01-01 07:30'::timestamp)",
                "1704067200|7; [1]",
            ),
            (
                "SELECT now() > '2024-01-01', now() = now(), now() - interval '1 day' < now(), now()::date = current_date",
                "t|t|t|t; [1]",
            ),
            (
                "SELECT to_timestamp(1704067200), '2024-01-01 12:00'::timestamptz AT TIME ZONE 'UTC'",
                "2024-01-01 00:00:00+00|2024-01-01 12:00:00; [1]",
            ),
            ("SELECT '2024-13-01'::date", "!22008"),
        ],
    ),
    (
        "jsonb is kept and taken apart as in Postgres",
        &[
            ("SELECT '{\"b\": 1.0, \"a\": {\"x\": [1, null, \"s\"]}, \"a\": 2}'::jsonb", "{\"a\": 2, \"b\": 1.0}; [1]"),
            (
                "SELECT '{\"a\": {\"b\": [10, 20]}}'::jsonb -> 'a' -> 'b' -> 1, '{\"a\": true, \"n\": null}'::jsonb ->> 'a', '{\"n\": null}'::jsonb ->> 'n'",
                "20|true|NULL; [1]",
            ),
            (
                "SELECT '{\"a\": {\"b\": [10, {\"c\": \"x\"}]}}'::jsonb #>> '{a,b,1,c}', '[1,2,3]'::jsonb -> -1, '{\"a\": 1}'::jsonb -> 'z'",
                "x|3|NULL; [1]",
            ),
            (
                "SELECT '{\"a\": 1, \"b\": 2}'::jsonb @> '{\"a\": 1}', '{\"a\": 1}'::jsonb ? 'a', '{\"a\": 1}'::jsonb || '{\"b\": 2}', '{\"a\": 1, \"b\": 2}'::jsonb - 'a'",
                "t|t|{\"a\": 1, \"b\": 2}|{\"b\": 2}; [1]",
            ),
            (
                "SELECT '1.0'::jsonb = '1'::jsonb, '{\"a\": 1.50}'::jsonb IS DISTINCT FROM '{\"a\": 1.5}'::jsonb, '\"1\"'::jsonb = '1'::jsonb",
                "t|f|f; [1]",
            ),
            (
                "SELECT jsonb_build_object('a', 1, 'b', 'x', 'c', NULL::text), to_jsonb('q'::text), jsonb_typeof('[]'::jsonb), jsonb_array_length('[1,2]'::jsonb)",
                "{\"a\": 1, \"b\": \"x\", \"c\": null}|\"q\"|array|2; [1]",
            ),
            ("SELECT value FROM jsonb_array_elements('[1, \"x\", {\"a\": 2}]'::jsonb)", "1; \"x\"; {\"a\": 2}; [3]"),
            (
                "SELECT id, name FROM jsonb_to_recordset('[{\"id\": 1, \"name\": \"a\"}, {\"id\": 2}]'::jsonb) AS t(id bigint, name text)",
                "1|a; 2|NULL; [2]",
            ),
            ("SELECT ('{\"n\": 5}'::jsonb ->> 'n')::int + 1", "6; [1]"),
            ("SELECT '\"\\u0000\"'::jsonb", "!22P05"),
            ("SELECT '{\"a\":  1}'::json", "{\"a\":  1}; [1]"),
        ],
    ),
    (
        "arrays are kept, searched and unrolled",
        &[
            ("CREATE TABLE a (id int, xs int[] NOT NULL DEFAULT '{}', ts text[])", "*"),
            ("INSERT INTO a VALUES (1, '{1,2,3}', ARRAY['a', 'b']), (2, DEFAULT, NULL)", "[2]"),
            ("SELECT * FROM a ORDER BY id", "1|{1,2,3}|{a,b}; 2|{}|NULL; [2]"),
            ("SELECT id FROM a WHERE 2 = ANY(xs)", "1; [1]"),
            ("SELECT id FROM a WHERE 9 <> ALL(xs) ORDER BY id", "1; 2; [2]"),
            ("SELECT id, x FROM a, unnest(xs) AS x ORDER BY x DESC", "1|3; 1|2; 1|1; [3]"),
            (
                "SELECT cardinality(xs), array_length(xs, 1), xs[2], xs || 4, ts = ARRAY['a', 'b'] FROM a ORDER BY id",
                "3|3|2|{1,2,3,4}|t; 0|NULL|NULL|{4}|NULL; [2]",
            ),
            ("SELECT 1 = ANY('{1,2}'::int[]), 'x' = ANY(ARRAY['x', NULL]), 3 = ANY(ARRAY[1, NULL])", "t|t|NULL; [1]"),
            ("UPDATE a SET ts = '{x,\"y,z\"}' WHERE id = 2", "[1]"),
            ("SELECT ts FROM a WHERE id = 2", "{x,\"y,z\"}; [1]"),
        ],
    ),
    (
        "an upsert updates what is there",
        &[
            (TABLE, "*"),
            ("INSERT INTO t (id, s, n) VALUES (1, 'a', 1), (2, 'b', 2)", "[2]"),
            (
                "INSERT INTO t (id, s, n) VALUES (2, 'B', 20), (3, 'c', 3) ON CONFLICT (id) DO UPDATE SET s = EXCLUDED.s, n = t.n + EXCLUDED.n",
                "[2]",
            ),
            ("SELECT id, s, n FROM t ORDER BY id", "1|a|1; 2|B|22; 3|c|3; [3]"),
            (
                "INSERT INTO t AS x (id, s) VALUES (1, 'a'), (2, 'q') ON CONFLICT (id) DO UPDATE SET s = EXCLUDED.s WHERE x.s IS DISTINCT FROM EXCLUDED.s",
                "[1]",
            ),
            ("INSERT INTO t (id, s) VALUES (1, 'z'), (9, 'n') ON CONFLICT DO NOTHING", "[1]"),
            ("INSERT INTO t (id, s) VALUES (1, 'z') ON CONFLICT (id) DO NOTHING RETURNING id", "[0]"),
            (
                "INSERT INTO t (id, s) VALUES (1, 'z') ON CONFLICT ON CONSTRAINT t_pkey DO UPDATE SET s = EXCLUDED.s RETURNING id, s",
                "1|z; [1]",
            ),
            ("INSERT INTO t (id, s) VALUES (1, 'a'), (1, 'b') ON CONFLICT (id) DO UPDATE SET s = EXCLUDED.s", "!21000"),
            (
                "INSERT INTO t (id, s) VALUES (77, 'a'), (77, 'b') ON CONFLICT (id) DO UPDATE SET s = EXCLUDED.s WHERE false",
                "!21000",
            ),
            ("INSERT INTO t (id, s) VALUES (1, 'a') ON CONFLICT (s) DO NOTHING", "!42P10"),
            ("INSERT INTO t (id, s) VALUES (1, 'a') ON CONFLICT DO UPDATE SET s = 'x'", "!42601"),
            (
                "INSERT INTO t (id, s, j) VALUES (1, 'z', '{\"a\":1.0}') ON CONFLICT (id) DO UPDATE SET j = EXCLUDED.j WHERE t.j IS DISTINCT FROM EXCLUDED.j",
                "[1]",
            ),
            (
                "INSERT INTO t (id, s, j) VALUES (1, 'z', '{\"a\":1}') ON CONFLICT (id) DO UPDATE SET j = EXCLUDED.j WHERE t.j IS DISTINCT FROM EXCLUDED.j",
                "[0]",
            ),
            (
                "INSERT INTO t (id, s, n) VALUES (5, 'm', 1) ON CONFLICT (id) DO UPDATE SET (s, n) = (EXCLUDED.s, 7)",
                "[1]",
            ),
            ("SELECT j FROM t WHERE id = 1", "{\"a\": 1.0}; [1]"),
        ],
    ),
    (
        "a conflict on another key is an error",
        &[
            ("CREATE TABLE k (id int PRIMARY KEY, email text UNIQUE)", "*"),
            ("INSERT INTO k VALUES (1, 'a')", "[1]"),
            ("INSERT INTO k VALUES (2, 'a') ON CONFLICT (id) DO UPDATE SET email = EXCLUDED.email", "!23505"),
            ("INSERT INTO k VALUES (2, 'a') ON CONFLICT (email) DO UPDATE SET id = EXCLUDED.id", "[1]"),
            ("INSERT INTO k VALUES (3, NULL), (4, NULL)", "[2]"),
            ("SELECT * FROM k ORDER BY id", "2|a; 3|NULL; 4|NULL; [3]"),
        ],
    ),
    (
        "INSERT takes the rows of a query",
        &[
            (PEOPLE, "*"),
            ("CREATE TABLE copy (id bigint PRIMARY KEY, name varchar(3))", "*"),
            ("INSERT INTO copy SELECT id, name FROM people WHERE name IS NOT NULL", "[3]"),
            (
                "INSERT INTO copy (name, id) SELECT name, id + 1 FROM people WHERE id < 3 ON CONFLICT (id) DO UPDATE SET name = EXCLUDED.name || '!'",
                "!22001",
            ),
            (
                "INSERT INTO copy (name, id) SELECT left(name, 2), id + 1 FROM people WHERE id < 3 ON CONFLICT (id) DO UPDATE SET name = EXCLUDED.name || '!'",
                "[2]",
            ),
            ("SELECT * FROM copy ORDER BY id", "1|ann; 2|an!; 3|bo!; [3]"),
            (
                "WITH big AS (SELECT max(id) AS id FROM copy) INSERT INTO copy SELECT id + 1, 'new' FROM big RETURNING id",
                "4; [1]",
            ),
            ("INSERT INTO copy SELECT id FROM people WHERE id > 90", "[0]"),
        ],
    ),
    (
        "UPDATE and DELETE know other tables",
        &[
            (PEOPLE, "*"),
            (TEAMS, "*"),
            (
                "UPDATE people SET name = upper(name) || t.title FROM teams t WHERE t.id = people.team AND t.title = 'red'",
                "[2]",
            ),
            (
                "UPDATE people AS p SET team = v.team FROM (VALUES (3, 30), (4, 10)) AS v(id, team) WHERE v.id = p.id",
                "[2]",
            ),
            ("SELECT * FROM people ORDER BY id", "1|ANNred|10; 2|BOBred|10; 3|cy|30; 4|NULL|10; [4]"),
            ("UPDATE people SET team = team + 1, name = 'x' WHERE id = 1 RETURNING id, team, name", "1|11|x; [1]"),
            ("UPDATE people SET (name, team) = ('y', 12) WHERE id = 1", "[1]"),
            ("UPDATE people SET name = DEFAULT WHERE id = 1", "[1]"),
            (
                "DELETE FROM people USING teams WHERE teams.id = people.team AND teams.title = 'grey' RETURNING people.id",
                "3; [1]",
            ),
            ("DELETE FROM people p WHERE p.id = 4", "[1]"),
            (
                "WITH old AS (SELECT id FROM people WHERE team = 12) DELETE FROM people WHERE id IN (SELECT id FROM old)",
                "[1]",
            ),
            ("DELETE FROM people", "[1]"),
            ("SELECT count(*) FROM people", "0; [1]"),
        ],
    ),
    (
        "a transaction is all or nothing",
        &[
            (PEOPLE, "*"),
            ("BEGIN", "[0]"),
            ("INSERT INTO people VALUES (5, 'eve', 1)", "[1]"),
            ("INSERT INTO people VALUES (5, 'eve', 1)", "!23505"),
            ("SELECT 1", "!25P02"),
            ("INSERT INTO nope VALUES (1)", "!25P02"),
            ("COMMIT", "[0]"),
            ("SELECT count(*) FROM people", "4; [1]"),
            ("BEGIN; DELETE FROM people; ROLLBACK", "*"),
            ("START TRANSACTION ISOLATION LEVEL SERIALIZABLE", "[0]"),
            ("DELETE FROM people WHERE id = 1", "[1]"),
            ("END", "[0]"),
            ("SELECT count(*) FROM people", "3; [1]"),
            ("BEGIN READ ONLY", "[0]"),
            ("DELETE FROM people", "!25006"),
            ("ROLLBACK", "[0]"),
        ],
    ),
    (
        "savepoints take back a part",
        &[
            (PEOPLE, "*"),
            ("SAVEPOINT a", "!25P01"),
            ("BEGIN", "[0]"),
            ("SAVEPOINT a", "[0]"),
            ("DELETE FROM people", "[4]"),
            ("ROLLBACK TO SAVEPOINT a", "[0]"),
            ("INSERT INTO people VALUES (1, 'dup', 0)", "!23505"),
            ("ROLLBACK TO a", "[0]"),
            ("SELECT count(*) FROM people", "4; [1]"),
            ("RELEASE a", "[0]"),
            ("ROLLBACK TO a", "!3B001"),
            ("ROLLBACK", "[0]"),
        ],
    ),
    (
        "the statements of one string commit together",
        &[
            (PEOPLE, "*"),
            ("DELETE FROM people WHERE id = 1; DELETE FROM people WHERE id = 2; SELECT 1/0", "!22012"),
            ("SELECT count(*) FROM people", "4; [1]"),
            ("DELETE FROM people WHERE id = 1; SELECT count(*) FROM people; SELECT 'x' AS y", "[1]; 3; [1]; x; [1]"),
            ("", "[0]"),
            ("BEGIN; DELETE FROM people WHERE id = 2; COMMIT; DELETE FROM people; SELECT nope", "!42703"),
            ("SELECT count(*) FROM people", "2; [1]"),
        ],
    ),
    (
        "tables are changed in transactions too",
        &[
            ("BEGIN", "*"),
            ("CREATE TABLE x (a int)", "[0]"),
            ("INSERT INTO x VALUES (1)", "[1]"),
            ("ROLLBACK", "[0]"),
            ("SELECT * FROM x", "!42P01"),
        ],
    ),
    (
        "serial and identity columns count",
        &[
            ("CREATE TABLE runs (id bigserial PRIMARY KEY, k int GENERATED ALWAYS AS IDENTITY, note text)", "[0]"),
            ("INSERT INTO runs (note) VALUES ('a'), ('b') RETURNING id, k", "1|1; 2|2; [2]"),
            ("INSERT INTO runs (k) VALUES (7)", "!428C9"),
            ("INSERT INTO runs (id, note) VALUES (10, 'c') RETURNING id, k", "10|3; [1]"),
            ("BEGIN; INSERT INTO runs (note) VALUES ('lost'); ROLLBACK", "*"),
            ("INSERT INTO runs DEFAULT VALUES RETURNING id, k, note", "4|5|NULL; [1]"),
            ("SELECT currval('runs_id_seq'), lastval(), nextval('runs_id_seq')", "4|5|5; [1]"),
            ("TRUNCATE runs RESTART IDENTITY", "[0]"),
            ("INSERT INTO runs (note) VALUES ('z') RETURNING id", "1; [1]"),
        ],
    ),
    (
        "foreign keys hold",
        &[
            (
                "CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE c (id int, p int REFERENCES p (id) ON DELETE CASCADE, q int REFERENCES p)",
                "*",
            ),
            ("INSERT INTO c VALUES (1, 1, NULL)", "!23503"),
            ("INSERT INTO p VALUES (1), (2)", "[2]"),
            ("INSERT INTO c VALUES (1, 1, NULL), (2, NULL, 2)", "[2]"),
            ("DELETE FROM p WHERE id = 1", "[1]"),
            ("SELECT id FROM c", "2; [1]"),
            ("DELETE FROM p WHERE id = 2", "!23503"),
            ("TRUNCATE p", "!0A000"),
            ("DROP TABLE p", "!2BP01"),
            ("TRUNCATE p CASCADE", "[0]"),
            ("SELECT count(*) FROM c", "0; [1]"),
            ("DROP TABLE p, c", "[0]"),
        ],
    ),
    (
        "checks and unique indexes hold",
        &[
            ("CREATE TABLE x (a int CHECK (a > 0), b text, CONSTRAINT ab UNIQUE (a, b), CHECK (b <> 'bad'))", "*"),
            ("INSERT INTO x VALUES (0, 'x')", "!23514"),
            ("INSERT INTO x VALUES (1, 'bad')", "!23514"),
            ("INSERT INTO x VALUES (1, 'x'), (1, 'y'), (NULL, 'x')", "[3]"),
            ("INSERT INTO x VALUES (1, 'x')", "!23505"),
            ("CREATE UNIQUE INDEX x_b ON x (b) WHERE a > 5", "[0]"),
            ("INSERT INTO x VALUES (6, 'z'), (7, 'z')", "!23505"),
            ("CREATE UNIQUE INDEX x_lower ON x (lower(b))", "!23505"),
        ],
    ),
    (
        "columns are added, renamed and dropped",
        &[
            (PEOPLE, "*"),
            ("ALTER TABLE people ADD COLUMN age int NOT NULL DEFAULT 7, ADD COLUMN IF NOT EXISTS name text", "[0]"),
            ("ALTER TABLE people ADD COLUMN data jsonb DEFAULT '{}'::jsonb", "[0]"),
            ("ALTER TABLE people RENAME COLUMN age TO years", "[0]"),
            ("SELECT * FROM people WHERE id = 1", "1|ann|10|7|{}; [1]"),
            ("ALTER TABLE people DROP COLUMN team", "[0]"),
            ("ALTER TABLE people ADD COLUMN id int", "!42701"),
            ("ALTER TABLE people RENAME TO persons", "[0]"),
            ("SELECT * FROM people", "!42P01"),
            ("SELECT years FROM persons WHERE id = 2", "7; [1]"),
            ("ALTER TABLE persons ADD CONSTRAINT one_name UNIQUE (name)", "[0]"),
            ("INSERT INTO persons VALUES (9, 'ann')", "!23505"),
            ("ALTER TABLE persons DROP CONSTRAINT one_name", "[0]"),
            ("INSERT INTO persons VALUES (9, 'ann')", "[1]"),
        ],
    ),
    (
        "temporary tables go when they should",
        &[
            (PEOPLE, "*"),
            ("BEGIN", "*"),
            ("CREATE TEMP TABLE stage (LIKE people) ON COMMIT DROP", "[0]"),
            ("INSERT INTO stage SELECT id + 10, name, team FROM people", "[4]"),
            ("INSERT INTO people SELECT * FROM stage ON CONFLICT (id) DO NOTHING", "[4]"),
            ("COMMIT", "[0]"),
            ("SELECT * FROM stage", "!42P01"),
            ("CREATE TEMP TABLE keep AS SELECT id, name FROM people WHERE id < 3", "[2]"),
            ("SELECT * FROM keep ORDER BY id", "1|ann; 2|bob; [2]"),
            ("CREATE TEMP TABLE shape ON COMMIT DELETE ROWS AS SELECT * FROM people WITH NO DATA", "[0]"),
            ("INSERT INTO shape VALUES (1, 'x', 2)", "[1]"),
            ("SELECT count(*) FROM shape", "0; [1]"),
        ],
    ),
    (
        "quoted names keep their case",
        &[
            ("CREATE TABLE \"Order\" (\"Id\" int PRIMARY KEY, \"from\" text)", "[0]"),
            ("INSERT INTO \"Order\" (\"Id\", \"from\") VALUES (1, 'x')", "[1]"),
            ("SELECT \"Id\", o.\"from\" AS \"To\" FROM \"Order\" o", "1|x; [1]"),
            ("SELECT id FROM \"Order\"", "!42703"),
            ("SELECT 1 FROM order_", "!42P01"),
            ("SELECT 1 FROM public.\"Order\"", "1; [1]"),
            ("describe SELECT \"Id\" AS \"A b\", ID FROM (SELECT 1 AS id, 2 AS \"Id\") AS x", " -> A b:int4 id:int4"),
        ],
    ),
    (
        "parameters take their types from where they stand",
        &[
            (TABLE, "*"),
            (
                "describe SELECT id FROM t WHERE s = $1 AND at < $2 AND b = $3 LIMIT $4",
                "text timestamptz bool int8 -> id:int8",
            ),
            ("describe INSERT INTO t (id, s, j, tags) VALUES ($1, $2, $3, $4)", "int8 text jsonb _text -> "),
            (
                "describe UPDATE t SET s = $1, n = n + $2 WHERE id = $3 RETURNING id, n",
                "text int4 int8 -> id:int8 n:int4",
            ),
            (
                "describe SELECT id FROM t WHERE id = ANY($1) AND n IN ($2, $3) AND d BETWEEN $4 AND $5",
                "_int8 int4 int4 date date -> id:int8",
            ),
            ("describe SELECT $1::bigint + 1 AS x, coalesce($2, 'y') AS y", "int8 text -> x:int8 y:text"),
            (
                "describe SELECT * FROM unnest($1::bigint[], $2::text[]) AS u(id, name)",
                "_int8 _text -> id:int8 name:text",
            ),
            ("describe DELETE FROM t WHERE id <> ALL($1) AND v = $2", "_int8 text -> "),
            ("describe SELECT j->>$1 AS a, j @> $2 AS b FROM t WHERE $3 < f", "text jsonb float8 -> a:text b:bool"),
            (
                "describe INSERT INTO t (id, s) SELECT $1, $2 WHERE NOT EXISTS (SELECT 1 FROM t WHERE id = $3)",
                "int8 text int8 -> ",
            ),
            ("describe SELECT * FROM unnest($1) AS x", "!42725"),
        ],
    ),
    (
        "a migration runner finds what it needs",
        &[
            (
                "CREATE TABLE IF NOT EXISTS refinery_schema_history(version INT4 PRIMARY KEY, name VARCHAR(255), applied_on VARCHAR(255), checksum VARCHAR(255))",
                "[0]",
            ),
            ("SELECT version, name, applied_on, checksum FROM refinery_schema_history ORDER BY version ASC", "[0]"),
            (
                "BEGIN; CREATE TABLE m (id int); INSERT INTO refinery_schema_history VALUES (1, 'init', '2024-01-01T00:00:00Z', '123'); COMMIT",
                "*",
            ),
            (
                "SELECT version, name FROM refinery_schema_history WHERE version = (SELECT max(version) FROM refinery_schema_history)",
                "1|init; [1]",
            ),
            ("SELECT pg_advisory_lock(42)", "; [1]"),
            (
                "SELECT pg_try_advisory_lock(42), pg_advisory_unlock(42), pg_advisory_unlock(42), pg_advisory_unlock(42)",
                "t|t|t|f; [1]",
            ),
            (
                "SELECT EXISTS (SELECT FROM information_schema.tables WHERE table_schema = 'public' AND table_name = 'm')",
                "t; [1]",
            ),
            ("SELECT to_regclass('public.m') IS NOT NULL, to_regclass('nope') IS NULL", "t|t; [1]"),
            ("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'", "2; [1]"),
        ],
    ),
    (
        "settings are set and shown",
        &[
            ("SET statement_timeout = '5s'", "[0]"),
            ("SHOW statement_timeout", "5s; [1]"),
            ("SET TIME ZONE 'UTC'", "[0]"),
            ("SET client_min_messages TO warning", "[0]"),
            ("RESET statement_timeout", "[0]"),
            ("SHOW statement_timeout", "0; [1]"),
            ("SHOW transaction isolation level", "read committed; [1]"),
            ("SET no_such_setting = 1", "!42704"),
            ("DISCARD ALL", "[0]"),
        ],
    ),
    (
        "maintenance changes nothing",
        &[
            (PEOPLE, "*"),
            ("ANALYZE people", "[0]"),
            ("COMMENT ON TABLE people IS 'x'", "[0]"),
            ("CREATE INDEX people_gin ON people USING gin (to_tsvector('simple', name))", "*?"),
            ("BEGIN; LOCK TABLE people IN EXCLUSIVE MODE; COMMIT", "*"),
            ("SELECT id FROM people WHERE id = 1 FOR UPDATE SKIP LOCKED", "1; [1]"),
        ],
    ),
];

/// Runs the table and lists what differs.
fn check_all(postgres: &Postgres) {
    let mut running = started(postgres);
    let mut differences = Vec::new();
    for (name, steps) in CHECKS {
        for protocol in ["simple", "extended"] {
            let endpoint = running.begin_sample().unwrap();
            run(async {
                let client = connect(&endpoint).await;
                for (sql, expected) in *steps {
                    let result = match sql.strip_prefix("describe ") {
                        Some(sql) => described(&client, sql).await,
                        // Several statements are for the simple protocol only.
                        None if protocol == "simple" || sql.contains("; ") || sql.is_empty() => {
                            simple(&client, sql).await
                        }
                        None => extended(&client, sql).await,
                    };
                    let found = match &result {
                        Ok(text) => text.clone(),
                        Err(error) => format!("!{}", code(error)),
                    };
                    let fits = match *expected {
                        "*" => result.is_ok(),
                        "*?" => true,
                        expected => found == expected,
                    };
                    if !fits {
                        let said = result.err().map(|error| crate::support::shown(&error)).unwrap_or_default();
                        differences.push(format!(
                            "{name} ({protocol})\n    {sql}\n    expected {expected}\n    found    {found} {said}"
                        ));
                    }
                }
            });
            running.end_sample().unwrap();
        }
    }
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
}

#[test]
fn the_embedded_server_answers_as_the_table_says() {
    check_all(&embedded());
}

#[test]
#[ignore = "needs Postgres binaries: HIGHWATER_SERVICES=local"]
fn a_real_server_answers_as_the_table_says() {
    check_all(&local());
}

#[test]
fn the_table_has_the_checks_it_should() {
    let steps: usize = CHECKS.iter().map(|(_, steps)| steps.len()).sum();
    assert!(CHECKS.len() >= 40 && steps >= 300, "{} checks, {steps} steps", CHECKS.len());
}
