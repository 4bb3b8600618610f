CREATE TABLE people (id TEXT PRIMARY KEY) WITH (connector = 'directory', type = 'lookup');
