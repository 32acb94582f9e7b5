-- alone
-- The search index becomes sixteen tables (store/shards.rs): in one table SQLite merges what
-- a word says of all exchanges in one step, which took a tenth of a second at 300,000 of
-- them. What is kept is indexed anew, in idle time.
DROP TABLE search;
DELETE FROM progress WHERE name = 'search';

CREATE VIRTUAL TABLE search_00 USING fts5 (
    text, content = '', contentless_delete = 1, tokenize = "unicode61 remove_diacritics 2"
);
INSERT INTO search_00 (search_00, rank) VALUES ('automerge', 0), ('crisismerge', 1024), ('usermerge', 8);

CREATE VIRTUAL TABLE search_01 USING fts5 (
    text, content = '', contentless_delete = 1, tokenize = "unicode61 remove_diacritics 2"
);
INSERT INTO search_01 (search_01, rank) VALUES ('automerge', 0), ('crisismerge', 1024), ('usermerge', 8);

CREATE VIRTUAL TABLE search_02 USING fts5 (
    text, content = '', contentless_delete = 1, tokenize = "unicode61 remove_diacritics 2"
);
INSERT INTO search_02 (search_02, rank) VALUES ('automerge', 0), ('crisismerge', 1024), ('usermerge', 8);

CREATE VIRTUAL TABLE search_03 USING fts5 (
    text, content = '', contentless_delete = 1, tokenize = "unicode61 remove_diacritics 2"
);
INSERT INTO search_03 (search_03, rank) VALUES ('automerge', 0), ('crisismerge', 1024), ('usermerge', 8);

CREATE VIRTUAL TABLE search_04 USING fts5 (
    text, content = '', contentless_delete = 1, tokenize = "unicode61 remove_diacritics 2"
);
INSERT INTO search_04 (search_04, rank) VALUES ('automerge', 0), ('crisismerge', 1024), ('usermerge', 8);

CREATE VIRTUAL TABLE search_05 USING fts5 (
    text, content = '', contentless_delete = 1, tokenize = "unicode61 remove_diacritics 2"
);
INSERT INTO search_05 (search_05, rank) VALUES ('automerge', 0), ('crisismerge', 1024), ('usermerge', 8);

CREATE VIRTUAL TABLE search_06 USING fts5 (
    text, content = '', contentless_delete = 1, tokenize = "unicode61 remove_diacritics 2"
);
INSERT INTO search_06 (search_06, rank) VALUES ('automerge', 0), ('crisismerge', 1024), ('usermerge', 8);

CREATE VIRTUAL TABLE search_07 USING fts5 (
    text, content = '', contentless_delete = 1, tokenize = "unicode61 remove_diacritics 2"
);
INSERT INTO search_07 (search_07, rank) VALUES ('automerge', 0), ('crisismerge', 1024), ('usermerge', 8);

CREATE VIRTUAL TABLE search_08 USING fts5 (
    text, content = '', contentless_delete = 1, tokenize = "unicode61 remove_diacritics 2"
);
INSERT INTO search_08 (search_08, rank) VALUES ('automerge', 0), ('crisismerge', 1024), ('usermerge', 8);

CREATE VIRTUAL TABLE search_09 USING fts5 (
    text, content = '', contentless_delete = 1, tokenize = "unicode61 remove_diacritics 2"
);
INSERT INTO search_09 (search_09, rank) VALUES ('automerge', 0), ('crisismerge', 1024), ('usermerge', 8);

CREATE VIRTUAL TABLE search_10 USING fts5 (
    text, content = '', contentless_delete = 1, tokenize = "unicode61 remove_diacritics 2"
);
INSERT INTO search_10 (search_10, rank) VALUES ('automerge', 0), ('crisismerge', 1024), ('usermerge', 8);

CREATE VIRTUAL TABLE search_11 USING fts5 (
    text, content = '', contentless_delete = 1, tokenize = "unicode61 remove_diacritics 2"
);
INSERT INTO search_11 (search_11, rank) VALUES ('automerge', 0), ('crisismerge', 1024), ('usermerge', 8);

CREATE VIRTUAL TABLE search_12 USING fts5 (
    text, content = '', contentless_delete = 1, tokenize = "unicode61 remove_diacritics 2"
);
INSERT INTO search_12 (search_12, rank) VALUES ('automerge', 0), ('crisismerge', 1024), ('usermerge', 8);

CREATE VIRTUAL TABLE search_13 USING fts5 (
    text, content = '', contentless_delete = 1, tokenize = "unicode61 remove_diacritics 2"
);
INSERT INTO search_13 (search_13, rank) VALUES ('automerge', 0), ('crisismerge', 1024), ('usermerge', 8);

CREATE VIRTUAL TABLE search_14 USING fts5 (
    text, content = '', contentless_delete = 1, tokenize = "unicode61 remove_diacritics 2"
);
INSERT INTO search_14 (search_14, rank) VALUES ('automerge', 0), ('crisismerge', 1024), ('usermerge', 8);

CREATE VIRTUAL TABLE search_15 USING fts5 (
    text, content = '', contentless_delete = 1, tokenize = "unicode61 remove_diacritics 2"
);
INSERT INTO search_15 (search_15, rank) VALUES ('automerge', 0), ('crisismerge', 1024), ('usermerge', 8);
