-- Version 3: a database has a name of its own, which the folder of its files bears as well: files are
-- not taken for left over where it is another database that knows their jobs.

CREATE TABLE identity (id TEXT NOT NULL PRIMARY KEY) STRICT, WITHOUT ROWID;

INSERT INTO identity VALUES (lower(hex(randomblob(16))));
