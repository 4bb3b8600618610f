CREATE TABLE t WITH (connector = 'print', type = 'source');
