//! Who is signed in: listed for people, ended by them.

use rusqlite::{Connection, Row};

use super::StoreError;

/// One sign-in that has not ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// BLAKE3 of its token.
    pub hash: [u8; 32],
    /// Unix seconds.
    pub created_at: i64,
    /// Unix seconds.
    pub expires_at: i64,
    /// Address and user agent, as they were at the sign-in.
    pub client: String,
}

impl Session {
    /// What it is called where its hash is nobody's to see: 48 bits of it, which every
    /// JSON reader takes as a whole number.
    pub fn id(&self) -> i64 {
        self.hash[..6].iter().fold(0, |id, byte| id << 8 | i64::from(*byte))
    }
}

/// Those that have not ended, newest first.
pub fn all(connection: &Connection, now: i64) -> Result<Vec<Session>, StoreError> {
    let mut find = connection.prepare_cached(
        "SELECT hash, created_at, expires_at, client FROM sessions WHERE expires_at > ?1
         ORDER BY created_at DESC, hash",
    )?;
    let read = |row: &Row<'_>| {
        Ok(Session {
            hash: row.get(0)?,
            created_at: row.get(1)?,
            expires_at: row.get(2)?,
            client: row.get(3)?,
        })
    };
    Ok(find.query_map([now], read)?.collect::<Result<_, _>>()?)
}

/// Ends all but the spared one; how many there were.
pub fn end_others(connection: &Connection, spared: Option<&[u8; 32]>) -> Result<usize, StoreError> {
    Ok(connection.execute("DELETE FROM sessions WHERE hash IS NOT ?1", [spared])?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::settings::Settings;

    #[test]
    fn those_that_last_are_listed_under_numbers_and_all_but_one_can_end() {
        let dir = tempfile::tempdir().unwrap();
        let mut settings = Settings::open(&dir.path().join("glassway.db")).unwrap();
        for (n, expires) in [(1u8, 100), (2, 200), (3, 300)] {
            settings.add_session(&[n; 32], i64::from(n), expires, "::1 curl/8").unwrap();
        }
        settings
            .keep(|connection| {
                let found = all(connection, 150)?;
                let numbers: Vec<_> = found.iter().map(Session::id).collect();
                assert_eq!(numbers, [0x0303_0303_0303, 0x0202_0202_0202]);
                assert_eq!(end_others(connection, Some(&[2; 32]))?, 2);
                assert_eq!(all(connection, 0)?.len(), 1);
                assert_eq!(end_others(connection, None)?, 1);
                Ok::<_, StoreError>(())
            })
            .unwrap();
    }
}
