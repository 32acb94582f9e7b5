//! The list's filters, read from a query by their names: for operations that take the same
//! ones as the list. `spec` copies their description from there.

use std::collections::BTreeMap;

use glassway_shared::store::filter::Filter;
use poem::Request;

use crate::error::Problem;

/// Conditions that may be repeated.
const LISTS: &[&str] = &["outcome", "origin"];

/// Reads every filter out of a request's query; other parameters are not looked at. A
/// condition that may be a list may also be repeated.
pub(super) fn matching(request: &Request) -> Result<Filter, Problem> {
    let mut filter = Filter::default();
    let query = request.uri().query().unwrap_or_default();
    let mut lists = BTreeMap::<&str, Vec<String>>::new();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        if let Some(list) = LISTS.iter().find(|list| **list == name) {
            lists.entry(list).or_default().push(value.into_owned());
        } else if Filter::NAMES.contains(&&*name) {
            filter.set(&name, &value).map_err(|e| Problem::field(&name, e))?;
        }
    }
    for (name, values) in lists {
        filter.set(name, &values.join(",")).map_err(|e| Problem::field(name, e))?;
    }
    Ok(filter)
}
