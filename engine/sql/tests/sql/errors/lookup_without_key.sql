CREATE TEMPORARY TABLE people (id TEXT, name TEXT) WITH (connector = 'directory');
