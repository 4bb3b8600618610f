CREATE TEMPORARY TABLE people (id TEXT PRIMARY KEY) WITH (connector = 'log', topic = 't');
