CREATE TEMPORARY TABLE people (id TEXT PRIMARY KEY) WITH (connector = 'directory', type = 'source');
