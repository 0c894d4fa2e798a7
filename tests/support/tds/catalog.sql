-- What a database of the stand-in knows of itself: the functions and views of SQL Server that
-- SQLAlchemy, alembic and `doctor` ask. Run once, in the database that all others are copies of.

CREATE SCHEMA dbo;
CREATE SCHEMA sys;
SET search_path = dbo, sys;

-- Collations with SQL Server's names; all compare code point by code point. Two different ones
-- compared with each other are a conflict, as there: that is what the copies are for.
CREATE COLLATION dbo.latin1_general_100_bin2 (provider = libc, locale = 'C');
CREATE COLLATION dbo.latin1_general_bin2 (provider = libc, locale = 'C');
CREATE COLLATION dbo.sql_latin1_general_cp1_ci_as (provider = libc, locale = 'C');

-- An NVARCHAR's length is counted in UTF-16: two units for a character above U+FFFF.
CREATE FUNCTION dbo.utf16_length(value text) RETURNS int IMMUTABLE LANGUAGE sql
AS $$ SELECT char_length(value)
    + char_length(regexp_replace(value COLLATE "C", E'[\\u0001-\\uFFFF]', '', 'g')) $$;

-- LIKE of Transact-SQL, in which brackets are a wildcard, and no sign escapes unless it is named.
CREATE FUNCTION dbo.tsql_like(value text, pattern text, escape text DEFAULT E'\x01')
RETURNS boolean IMMUTABLE LANGUAGE sql
AS $$ SELECT value SIMILAR TO regexp_replace(pattern, '[|*+?{}()]', escape || '\&', 'g')
    ESCAPE escape $$;

CREATE FUNCTION dbo.server_version() RETURNS text IMMUTABLE LANGUAGE sql
AS $$ SELECT 'Microsoft SQL Server 2016 (a stand-in for tests) - 13.0.5026.0 (X64)' $$;

CREATE FUNCTION dbo.serverproperty(name text) RETURNS text STABLE LANGUAGE sql
AS $$ SELECT CASE lower(name)
    WHEN 'productversion' THEN '13.0.5026.0'
    WHEN 'edition' THEN 'Stand-in'
    WHEN 'engineedition' THEN '3'
END $$;

CREATE FUNCTION dbo.applock_mode(principal text, resource text, owner text)
RETURNS text VOLATILE LANGUAGE sql
AS $$ SELECT CASE WHEN EXISTS (
        SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted AND pid = pg_backend_pid()
    ) THEN 'Exclusive' ELSE 'NoLock' END $$;

CREATE FUNCTION dbo.db_name() RETURNS text STABLE LANGUAGE sql
AS $$ SELECT current_database()::text $$;

-- Of no availability group: never a secondary.
CREATE FUNCTION dbo.databasepropertyex(name text, property text) RETURNS text STABLE LANGUAGE sql
AS $$ SELECT CASE WHEN property = 'Updateability' THEN 'READ_WRITE' END $$;

CREATE FUNCTION dbo.schema_name() RETURNS text STABLE LANGUAGE sql AS $$ SELECT 'dbo' $$;

CREATE FUNCTION dbo.object_id(name text, kind text DEFAULT NULL) RETURNS int STABLE LANGUAGE sql
AS $$ SELECT to_regclass(replace(replace(lower(name), '[', ''), ']', ''))::oid::int $$;

CREATE FUNCTION dbo.sysutcdatetime() RETURNS timestamp STABLE LANGUAGE sql
AS $$ SELECT clock_timestamp() AT TIME ZONE 'UTC' $$;

CREATE VIEW sys.databases AS
SELECT d.datname::varchar(128) AS name, d.oid::int AS database_id,
    coalesce((
        SELECT (setting LIKE '%=on')::int
        FROM pg_db_role_setting s, unnest(s.setconfig) AS setting
        WHERE s.setdatabase = d.oid AND s.setrole = 0
            AND setting LIKE 'tds.read_committed_snapshot=%'
    ), 0) AS is_read_committed_snapshot_on,
    0 AS snapshot_isolation_state
FROM pg_database AS d;

CREATE VIEW sys.schemas AS
SELECT nspname::varchar(128) AS name, oid::int AS schema_id, 1 AS principal_id FROM pg_namespace;

CREATE VIEW sys.objects AS
SELECT relname::varchar(128) AS name, oid::int AS object_id, relnamespace::int AS schema_id,
    0 AS parent_object_id,
    CASE relkind WHEN 'v' THEN 'V' ELSE 'U' END::varchar(2) AS type,
    CASE relkind WHEN 'v' THEN 'VIEW' ELSE 'USER_TABLE' END::varchar(60) AS type_desc
FROM pg_class WHERE relkind IN ('r', 'v');

CREATE VIEW sys.tables AS SELECT * FROM sys.objects WHERE type = 'U';

CREATE VIEW sys.types AS
SELECT name::varchar(128), id AS system_type_id, id AS user_type_id, NULL::int AS schema_id,
    0 AS is_user_defined
FROM (VALUES ('nvarchar', 231), ('varchar', 167), ('bigint', 127), ('int', 56), ('smallint', 52),
    ('numeric', 108), ('datetime2', 42), ('date', 40), ('bit', 104), ('float', 62),
    ('varbinary', 165)) AS known (name, id);

CREATE VIEW sys.columns AS
SELECT a.attrelid::int AS object_id, a.attname::varchar(128) AS name, a.attnum::int AS column_id,
    coalesce(d.oid::int, 0) AS default_object_id, t.id AS user_type_id, t.id AS system_type_id,
    (NOT a.attnotnull)::int AS is_nullable,
    CASE t.id
        WHEN 231 THEN CASE a.atttypmod WHEN -1 THEN -1 ELSE 2 * (a.atttypmod - 4) END
        WHEN 167 THEN CASE a.atttypmod WHEN -1 THEN -1 ELSE a.atttypmod - 4 END
        ELSE a.attlen
    END::int AS max_length,
    CASE WHEN t.id = 108 THEN ((a.atttypmod - 4) >> 16) & 65535 ELSE 0 END AS precision,
    CASE t.id WHEN 108 THEN (a.atttypmod - 4) & 2047 WHEN 42 THEN a.atttypmod ELSE 0 END AS scale,
    CASE c.collname
        WHEN 'latin1_general_100_bin2' THEN 'Latin1_General_100_BIN2'
        WHEN 'sql_latin1_general_cp1_ci_as' THEN 'SQL_Latin1_General_CP1_CI_AS'
    END::varchar(128) AS collation_name,
    (a.attidentity <> '')::int AS is_identity
FROM pg_attribute AS a
LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
LEFT JOIN pg_collation AS c ON c.oid = a.attcollation
CROSS JOIN LATERAL (
    SELECT CASE a.atttypid::regtype::text
        WHEN 'bigint' THEN 127 WHEN 'integer' THEN 56 WHEN 'smallint' THEN 52
        WHEN 'numeric' THEN 108 WHEN 'timestamp without time zone' THEN 42 WHEN 'date' THEN 40
        WHEN 'boolean' THEN 104 WHEN 'double precision' THEN 62 WHEN 'bytea' THEN 165
        -- The check that the stand-in gives to a VARCHAR tells it from an NVARCHAR.
        ELSE CASE WHEN EXISTS (
            SELECT 1 FROM pg_constraint AS k
            WHERE k.conrelid = a.attrelid AND k.contype = 'c' AND k.conkey = ARRAY[a.attnum]
                AND pg_get_constraintdef(k.oid) LIKE '%octet_length%'
        ) THEN 167 ELSE 231 END
    END AS id
) AS t
WHERE a.attnum > 0 AND NOT a.attisdropped;

CREATE VIEW sys.default_constraints AS
SELECT oid::int AS object_id, ('DF_' || oid)::varchar(128) AS name, adrelid::int AS parent_object_id,
    adnum::int AS parent_column_id, NULL::int AS schema_id,
    ('(' || regexp_replace(pg_get_expr(adbin, adrelid), '::[a-z ]+', '', 'g') || ')')::text
        AS definition
FROM pg_attrdef;

CREATE VIEW sys.identity_columns AS
SELECT attrelid::int AS object_id, attname::varchar(128) AS name, attnum::int AS column_id,
    1 AS is_identity, 1::numeric AS seed_value, 1::numeric AS increment_value,
    NULL::numeric AS last_value
FROM pg_attribute WHERE attidentity <> '';

CREATE VIEW sys.computed_columns AS
SELECT NULL::int AS object_id, NULL::varchar(128) AS name, NULL::int AS column_id,
    NULL::int AS is_computed, NULL::int AS is_persisted, NULL::text AS definition
WHERE false;

CREATE VIEW sys.extended_properties AS
SELECT NULL::int AS class, NULL::varchar(60) AS class_desc, NULL::int AS major_id,
    NULL::int AS minor_id, NULL::varchar(128) AS name, NULL::text AS value
WHERE false;

CREATE VIEW sys.indexes AS
SELECT i.indrelid::int AS object_id, c.relname::varchar(128) AS name, c.oid::int AS index_id,
    CASE WHEN i.indisprimary THEN 1 ELSE 2 END AS type, i.indisunique::int AS is_unique,
    i.indisprimary::int AS is_primary_key, NULL::text AS filter_definition
FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid;

CREATE VIEW sys.index_columns AS
SELECT i.indrelid::int AS object_id, i.indexrelid::int AS index_id, k.number::int AS key_ordinal,
    k.number::int AS index_column_id, k.attribute::int AS column_id, 0 AS is_included_column,
    0 AS is_descending_key
FROM pg_index AS i,
    LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k (attribute, number);

CREATE VIEW sys.key_constraints AS
SELECT k.oid::int AS object_id, k.conname::varchar(128) AS name, k.connamespace::int AS schema_id,
    k.conrelid::int AS parent_object_id,
    CASE k.contype WHEN 'p' THEN 'PK' ELSE 'UQ' END::varchar(2) AS type,
    k.conindid::int AS unique_index_id
FROM pg_constraint AS k WHERE k.contype IN ('p', 'u');

CREATE VIEW sys.system_views AS
SELECT 'dm_exec_sessions'::varchar(128) AS name;

CREATE VIEW sys.dm_exec_sessions AS
SELECT pid AS session_id, 2 AS transaction_isolation_level FROM pg_stat_activity;
