CREATE TABLE t (_event_time TIMESTAMP) WITH (connector = 'log', topic = 'x');
