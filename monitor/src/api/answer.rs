//! Answers to writes: what is now there, and what the writer should know of it. Also
//! pages of lists that are small enough to be read whole.

use poem_openapi::{
    ApiResponse,
    payload::Json,
    types::{ToJSON, Type},
};

use crate::error::Problem;

/// Something was changed.
#[derive(ApiResponse)]
pub(super) enum Changed<T: ToJSON + Type> {
    /// As it is now.
    #[oai(status = 200)]
    Done(
        Json<T>,
        /// `proxy_away`: stored, but the proxy is not there to serve by it.
        #[oai(header = "x-glassway-warnings")]
        Option<String>,
    ),
}

/// Something was added.
#[derive(ApiResponse)]
pub(super) enum Created<T: ToJSON + Type> {
    /// As it is now.
    #[oai(status = 201)]
    Done(
        Json<T>,
        /// `proxy_away`: stored, but the proxy is not there to serve by it.
        #[oai(header = "x-glassway-warnings")]
        Option<String>,
    ),
}

/// Something was deleted.
#[derive(ApiResponse)]
pub(super) enum Deleted {
    /// It is gone.
    #[oai(status = 204)]
    Done(
        /// `proxy_away`: stored, but the proxy is not there to serve by it.
        #[oai(header = "x-glassway-warnings")]
        Option<String>,
    ),
}

/// A part of a list, where to go on, and how long the whole is.
pub(super) struct Page<T> {
    pub(super) items: Vec<T>,
    pub(super) next: Option<String>,
    pub(super) total: u64,
}

/// Cuts a page out of a list; `mark` names an item, as the cursor does.
pub(super) fn page<T>(
    all: Vec<T>,
    limit: u64,
    cursor: Option<&str>,
    mark: impl Fn(&T) -> String,
) -> Result<Page<T>, Problem> {
    let total = all.len() as u64;
    let from = match cursor {
        None => 0,
        Some(cursor) => match all.iter().position(|item| mark(item) == cursor) {
            Some(at) => at + 1,
            None => {
                return Err(Problem::field(
                    "cursor",
                    "is of no page of this list any more; begin again without it",
                ));
            }
        },
    };
    let more = all.len() > from + limit as usize;
    let items: Vec<T> = all.into_iter().skip(from).take(limit as usize).collect();
    let next = if more { items.last().map(mark) } else { None };
    Ok(Page { items, next, total })
}

/// Items on a page where nobody said.
pub(super) fn twenty() -> u64 {
    20
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_join_to_the_whole_list() {
        let all: Vec<i64> = (0..45).collect();
        let mut seen = Vec::new();
        let mut cursor = None;
        loop {
            let page = page(all.clone(), 20, cursor.as_deref(), i64::to_string).unwrap();
            assert_eq!(page.total, 45);
            seen.extend(page.items);
            match page.next {
                Some(next) => cursor = Some(next),
                None => break,
            }
        }
        assert_eq!(seen, all);
        assert!(page(all, 20, Some("99"), i64::to_string).is_err());
    }
}
