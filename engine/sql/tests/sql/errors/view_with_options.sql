CREATE VIEW v WITH (retention = interval '1 day') AS SELECT 1;
