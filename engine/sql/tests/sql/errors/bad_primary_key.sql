CREATE TABLE t (id INT, PRIMARY KEY (ids)) WITH (connector = 'log', topic = 'x');
