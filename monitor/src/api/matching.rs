//! The list's filters, read from a query by their names: for operations that take the same
//! ones as the list. `spec` copies their description from there.

use glassway_shared::store::filter::Filter;
use poem::Request;

use crate::error::Problem;

/// Reads every filter out of a request's query; other parameters are not looked at. A
/// condition that may be a list may also be repeated.
pub(super) fn matching(request: &Request) -> Result<Filter, Problem> {
    let mut filter = Filter::default();
    let query = request.uri().query().unwrap_or_default();
    let mut outcomes = Vec::new();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        if name == "outcome" {
            outcomes.push(value.into_owned());
        } else if Filter::NAMES.contains(&&*name) {
            filter.set(&name, &value).map_err(|e| Problem::field(&name, e))?;
        }
    }
    if !outcomes.is_empty() {
        filter.set("outcome", &outcomes.join(",")).map_err(|e| Problem::field("outcome", e))?;
    }
    Ok(filter)
}
