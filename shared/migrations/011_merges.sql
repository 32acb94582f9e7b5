-- Merging the search index is the writer's idle work, a few pages at a time
-- (store/tend/index.rs). SQLite's own merge of a whole level in the middle of an insert
-- held the write lock for most of a second, so it is put off to where it is never reached;
-- eight segments in one merge, not four, write a third less.
INSERT INTO search (search, rank) VALUES ('crisismerge', 1024);
INSERT INTO search (search, rank) VALUES ('usermerge', 8);
