-- Version 2: streams may be cut by the number of their events, too. Then only the feeds of their
-- owners are not whole any more, and only those who read them have to know.

CREATE TABLE feed_cuts (
    owner_id  TEXT    NOT NULL PRIMARY KEY,
    kept_from INTEGER NOT NULL                  -- no later event of this owner has been forgotten
) STRICT, WITHOUT ROWID;
