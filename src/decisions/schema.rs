//! The tables, and how a file is opened. Migrations are an append-only list, counted by `user_version`.

use super::Error;
use rusqlite::{Connection, OpenFlags};
use rusqlite_migration::{M, Migrations};
use std::path::Path;
use std::time::Duration;

/// `xwlk`, in the header of the file: whose it is. <https://www.sqlite.org/pragma.html#pragma_application_id>
pub(super) const APPLICATION_ID: i32 = 0x78_77_6c_6b;

/// How long a writer waits for another process before it says so.
const PATIENCE: Duration = Duration::from_secs(5);

/// Never edit an entry that was released: add one.
const STEPS: &[&str] = &[
    // 1: questions, events, and the state they amount to.
    "
    CREATE TABLE question (
        id            INTEGER PRIMARY KEY,
        source_system TEXT NOT NULL,
        code          TEXT NOT NULL,
        target_system TEXT NOT NULL,
        text          TEXT NOT NULL,
        facts         TEXT NOT NULL,
        display       TEXT NOT NULL,
        UNIQUE (source_system, code, target_system, text, facts)
    ) STRICT;

    CREATE TABLE release (
        id          INTEGER PRIMARY KEY,
        fingerprint TEXT NOT NULL UNIQUE
    ) STRICT;

    -- What was on offer: one line an option, by the BLAKE3 of the lines, so that a million events may share it.
    CREATE TABLE offer (
        id     INTEGER PRIMARY KEY,
        digest TEXT NOT NULL UNIQUE,
        lines  TEXT NOT NULL
    ) STRICT;

    CREATE TABLE event (
        id       INTEGER PRIMARY KEY AUTOINCREMENT,
        question INTEGER NOT NULL REFERENCES question (id),
        action   TEXT NOT NULL,
        who      TEXT NOT NULL,
        at       TEXT NOT NULL,
        why      TEXT NOT NULL,
        via      TEXT NOT NULL, -- who entered it in the other's name, from a file; empty: themselves
        release  INTEGER REFERENCES release (id),
        offer    INTEGER REFERENCES offer (id),
        batch    TEXT,          -- asked
        records  INTEGER,       -- asked
        outcome  TEXT,          -- asked
        chapter  TEXT,          -- asked
        scenario INTEGER,       -- decided
        score    REAL,          -- decided
        assignee TEXT,          -- assigned
        second   TEXT,          -- assigned
        undoes   INTEGER REFERENCES event (id),
        finding  TEXT,          -- reexamined
        code     TEXT,          -- reexamined: the code that expired
        codes    TEXT           -- reexamined: its successors
    ) STRICT;
    CREATE INDEX event_of ON event (question, id);

    -- The codes of a verdict; none: no map.
    CREATE TABLE target (
        event        INTEGER NOT NULL REFERENCES event (id),
        place        INTEGER NOT NULL,
        grp          INTEGER NOT NULL,
        code         TEXT NOT NULL,
        display      TEXT NOT NULL,
        relationship TEXT NOT NULL,
        map          TEXT NOT NULL,
        row          INTEGER NOT NULL,
        PRIMARY KEY (event, place)
    ) STRICT, WITHOUT ROWID;

    CREATE TRIGGER event_is_final BEFORE UPDATE ON event BEGIN SELECT RAISE(ABORT, 'events are never changed'); END;
    CREATE TRIGGER event_stays BEFORE DELETE ON event BEGIN SELECT RAISE(ABORT, 'events are never removed'); END;
    CREATE TRIGGER target_is_final BEFORE UPDATE ON target BEGIN SELECT RAISE(ABORT, 'events are never changed'); END;
    CREATE TRIGGER target_stays BEFORE DELETE ON target BEGIN SELECT RAISE(ABORT, 'events are never removed'); END;

    -- What the events of each question amount to. Derived: Store::rebuild makes it again.
    CREATE TABLE item (
        question      INTEGER PRIMARY KEY REFERENCES question (id),
        version       INTEGER NOT NULL,
        status        TEXT NOT NULL,
        records       INTEGER NOT NULL,
        source_system TEXT NOT NULL,
        target_system TEXT NOT NULL,
        outcome       TEXT NOT NULL,
        chapter       TEXT NOT NULL,
        score         REAL,
        assignee      TEXT NOT NULL,
        second        TEXT NOT NULL,
        author        TEXT NOT NULL,
        approver      TEXT NOT NULL,
        decision      INTEGER REFERENCES event (id),
        first_coding  INTEGER REFERENCES event (id),
        second_coding INTEGER REFERENCES event (id),
        finding       TEXT NOT NULL,
        at            TEXT NOT NULL
    ) STRICT;
    CREATE INDEX item_by_records ON item (records DESC, question);
    CREATE INDEX item_by_status ON item (status, records DESC, question);
    CREATE INDEX item_by_assignee ON item (assignee, status, records DESC, question);
    CREATE INDEX item_by_second ON item (second, status, records DESC, question) WHERE second <> '';
    CREATE INDEX item_by_version ON item (version);
    CREATE INDEX item_coded_twice ON item (first_coding, second_coding) WHERE first_coding IS NOT NULL;

    -- Both coverages without counting 200,000 rows for each page.
    CREATE TABLE tally (
        status        TEXT NOT NULL,
        source_system TEXT NOT NULL,
        target_system TEXT NOT NULL,
        items         INTEGER NOT NULL,
        records       INTEGER NOT NULL,
        PRIMARY KEY (status, source_system, target_system)
    ) STRICT, WITHOUT ROWID;
    CREATE TRIGGER item_added AFTER INSERT ON item BEGIN
        INSERT INTO tally VALUES (new.status, new.source_system, new.target_system, 1, new.records)
            ON CONFLICT DO UPDATE SET items = items + 1, records = records + excluded.records;
    END;
    CREATE TRIGGER item_removed AFTER DELETE ON item BEGIN
        UPDATE tally SET items = items - 1, records = records - old.records
            WHERE status = old.status AND source_system = old.source_system AND target_system = old.target_system;
    END;
    CREATE TRIGGER item_changed AFTER UPDATE ON item WHEN old.status <> new.status OR old.records <> new.records BEGIN
        UPDATE tally SET items = items - 1, records = records - old.records
            WHERE status = old.status AND source_system = old.source_system AND target_system = old.target_system;
        INSERT INTO tally VALUES (new.status, new.source_system, new.target_system, 1, new.records)
            ON CONFLICT DO UPDATE SET items = items + 1, records = records + excluded.records;
    END;

    -- The rules of this file; the last entry of a name counts.
    CREATE TABLE rule (
        id    INTEGER PRIMARY KEY,
        name  TEXT NOT NULL,
        value TEXT NOT NULL,
        who   TEXT NOT NULL,
        at    TEXT NOT NULL
    ) STRICT;
    ",
    // 2: a page of 200,000 items in milliseconds, whatever it is filtered by. The two orders of the queue carry every column that filters,
    // so that no row of the table is touched for a line that is not shown; the tally knows outcome and chapter.
    "
    DROP INDEX item_by_records;
    DROP INDEX item_by_status;
    CREATE INDEX item_by_records ON item
        (records DESC, question, status, source_system, target_system, outcome, chapter, assignee, second, finding, score);
    CREATE INDEX item_by_status ON item
        (status, records DESC, question, source_system, target_system, outcome, chapter, assignee, second, finding, score);
    CREATE INDEX item_by_finding ON item (finding, records DESC, question) WHERE finding <> '';
    CREATE INDEX question_by_code ON question (code);
    CREATE INDEX item_by_author ON item (author, records) WHERE author <> '';
    CREATE INDEX item_by_approver ON item (approver) WHERE approver <> '';

    DROP TRIGGER item_added;
    DROP TRIGGER item_removed;
    DROP TRIGGER item_changed;
    DROP TABLE tally;
    CREATE TABLE tally (
        status        TEXT NOT NULL,
        source_system TEXT NOT NULL,
        target_system TEXT NOT NULL,
        outcome       TEXT NOT NULL,
        chapter       TEXT NOT NULL,
        items         INTEGER NOT NULL,
        records       INTEGER NOT NULL,
        PRIMARY KEY (status, source_system, target_system, outcome, chapter)
    ) STRICT, WITHOUT ROWID;
    INSERT INTO tally SELECT status, source_system, target_system, outcome, chapter, count(*), sum(records) FROM item GROUP BY 1, 2, 3, 4, 5;
    CREATE TRIGGER item_added AFTER INSERT ON item BEGIN
        INSERT INTO tally VALUES (new.status, new.source_system, new.target_system, new.outcome, new.chapter, 1, new.records)
            ON CONFLICT DO UPDATE SET items = items + 1, records = records + excluded.records;
    END;
    CREATE TRIGGER item_removed AFTER DELETE ON item BEGIN
        UPDATE tally SET items = items - 1, records = records - old.records
            WHERE status = old.status AND source_system = old.source_system AND target_system = old.target_system
              AND outcome = old.outcome AND chapter = old.chapter;
    END;
    CREATE TRIGGER item_changed AFTER UPDATE ON item
        WHEN old.status <> new.status OR old.records <> new.records OR old.outcome <> new.outcome OR old.chapter <> new.chapter
    BEGIN
        UPDATE tally SET items = items - 1, records = records - old.records
            WHERE status = old.status AND source_system = old.source_system AND target_system = old.target_system
              AND outcome = old.outcome AND chapter = old.chapter;
        INSERT INTO tally VALUES (new.status, new.source_system, new.target_system, new.outcome, new.chapter, 1, new.records)
            ON CONFLICT DO UPDATE SET items = items + 1, records = records + excluded.records;
    END;
    ",
];

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// Makes the file if there is none.
    Create,
    Write,
    Read,
}

/// Opens the file, refuses one that is not ours, and brings its tables up to date.
pub(super) fn open(path: &Path, mode: Mode) -> Result<Connection, Error> {
    if mode != Mode::Create && !path.exists() {
        return Err(Error::Missing { file: path.display().to_string() });
    }
    let mut connection = connect(path, mode)?;
    connection.busy_timeout(PATIENCE)?;
    connection.set_prepared_statement_cache_capacity(64);
    let number = |c: &Connection, name: &str| c.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i32>(0));
    let (id, version) = (number(&connection, "application_id")?, number(&connection, "user_version")?);
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let file = || path.display().to_string();
    if id != APPLICATION_ID && (tables > 0 || id != 0) {
        return Err(Error::Foreign { file: file() });
    }
    let here = STEPS.len() as i32;
    if version > here {
        return Err(Error::Newer { file: file(), found: version, here });
    }
    connection.pragma_update(None, "foreign_keys", true)?;
    if mode == Mode::Read {
        return if version < here { Err(Error::Older { file: file() }) } else { Ok(connection) };
    }
    if version < here {
        if tables == 0 {
            connection.pragma_update(None, "application_id", APPLICATION_ID)?;
        }
        let steps = STEPS.iter().map(|step| M::up(step)).collect();
        Migrations::new(steps).to_latest(&mut connection).map_err(|e| Error::Migration { file: file(), what: e.to_string() })?;
    }
    connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
    // FULL: a decision that was answered with "done" survives a power cut.
    connection.pragma_update(None, "synchronous", "FULL")?;
    Ok(connection)
}

fn connect(path: &Path, mode: Mode) -> Result<Connection, Error> {
    let flags = OpenFlags::SQLITE_OPEN_NO_MUTEX;
    match mode {
        Mode::Create => {
            unlock(Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?)
        }
        Mode::Write => unlock(Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_READ_WRITE)?),
        Mode::Read => {
            let connection = unlock(Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_READ_ONLY)?)?;
            // In a folder that cannot be written there is no room for the shared memory of WAL. If nobody left a log there,
            // the file alone is whole and may be read as it lies.
            let readable = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()));
            match readable {
                Err(rusqlite::Error::SqliteFailure(e, _)) if e.code == rusqlite::ErrorCode::CannotOpen && !log_of(path).exists() => {
                    let uri = format!("file:{}?immutable=1", escape(path));
                    unlock(Connection::open_with_flags(uri, flags | OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI)?)
                }
                _ => Ok(connection),
            }
        }
    }
}

/// Where the passphrase of an encrypted file is: the path of a file, so that it stands in no list of processes.
#[cfg(feature = "sqlcipher")]
const KEY_FILE: &str = "XWALK_DECISIONS_KEY_FILE";

/// Gives a connection the passphrase, if there is one; must be the first thing that is done with it.
/// <https://www.zetetic.net/sqlcipher/sqlcipher-api/#key>
#[cfg(feature = "sqlcipher")]
pub(super) fn unlock(connection: Connection) -> Result<Connection, Error> {
    if let Some(path) = std::env::var_os(KEY_FILE) {
        let key =
            std::fs::read_to_string(&path).map_err(|e| Error::Key { file: path.to_string_lossy().into_owned(), what: e.to_string() })?;
        connection.pragma_update(None, "key", key.trim_end())?;
    }
    Ok(connection)
}

#[cfg(not(feature = "sqlcipher"))]
pub(super) fn unlock(connection: Connection) -> Result<Connection, Error> {
    Ok(connection)
}

fn log_of(path: &Path) -> std::path::PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

/// A path in a `file:` URI: `%`, `?` and `#` have a meaning there. <https://www.sqlite.org/uri.html>
fn escape(path: &Path) -> String {
    path.display().to_string().replace('%', "%25").replace('?', "%3f").replace('#', "%23")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn migrations_are_sound() {
        Migrations::new(STEPS.iter().map(|s| M::up(s)).collect()).validate().unwrap();
    }
}
