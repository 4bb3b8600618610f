CREATE TABLE "Events" (
    id BIGINT UNSIGNED PRIMARY KEY,
    text_time TEXT,
    at TIMESTAMP GENERATED ALWAYS AS (CAST(text_time AS TIMESTAMP)) STORED,
    later TIMESTAMP GENERATED ALWAYS AS (at + INTERVAL '1 hour') VIRTUAL,
    "offset" BIGINT METADATA FROM 'offset',
    tags TEXT[],
    place STRUCT<x FLOAT, y FLOAT>,
    payload JSON,
    WATERMARK FOR at AS (at - INTERVAL '5 seconds')
) WITH (connector = 'log', 'topic' = 'events', format = 'json', flush = interval '5' second, partitions = 4,
        keys = [id, 'at'], idle_micros = -1);
SELECT id, later, place.x, tags[1] AS tag, payload FROM "Events" e WHERE e.id > 5;
